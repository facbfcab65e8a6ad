// The page's few icons, drawn on a 16 px grid in the colour of the text around them.
const paths = {
  overview: 'M2.5 9.5l3-3.500 2.500 2.500 5-5.500M10 3h3v3M2.500 13.500h11',
  orders: 'M4 2.500h8a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1zM5.500 6h5M5.500 8.500h5M5.500 11h3',
  market:
    'M4 5v6M4 3v2M4 11v2M2.800 5h2.400v6H2.800zM8 3.500v2M8 9.500v3M6.800 5.500h2.400v4H6.800zM12 2.500v2M12 10v3.500M10.800 4.500h2.400V10h-2.400z',
  portfolio: 'M8 2.500V8h5.500A5.500 5.500 0 1 1 8 2.500zM10.500 2.800A5.500 5.500 0 0 1 13.200 5.500h-2.700z',
  resilience: 'M8 2l5 1.800v3.700c0 3.100-2.100 5.300-5 6.500-2.900-1.200-5-3.400-5-6.500V3.800zM5.600 8l1.700 1.700 3.100-3.200',
  settings: 'M2.500 4.500h6M11.500 4.500h2M2.500 11.500h2M7.500 11.500h6M10 3v3M6 10v3',
  person:
    'M8 2.500a2.700 2.700 0 1 1 0 5.400 2.700 2.700 0 0 1 0-5.400zM2.800 13.500c.5-2.700 2.500-4.200 5.200-4.200s4.700 1.500 5.200 4.200',
  chevron: 'M4.500 6.500L8 10l3.500-3.500',
  check: 'M3.500 8.500l3 3 6-7',
  close: 'M4 4l8 8M12 4l-8 8',
  up: 'M8 13V3.500M4 7.500l4-4 4 4',
  down: 'M8 3v9.500M4 8.500l4 4 4-4',
  warning: 'M8 2.500l6 10.500H2zM8 6.500v3M8 11.300v.2',
  info: 'M8 2.300a5.700 5.700 0 1 1 0 11.400A5.700 5.700 0 0 1 8 2.300zM8 7.300v3.700M8 5v.2',
  clock: 'M8 2.300a5.700 5.700 0 1 1 0 11.400A5.700 5.700 0 0 1 8 2.300zM8 5v3.200l2.200 1.300',
  ban: 'M8 2.300a5.700 5.700 0 1 1 0 11.400A5.700 5.700 0 0 1 8 2.300zM4.100 4.100l7.800 7.800',
  retry: 'M13 8a5 5 0 1 1-1.600-3.700M13 2.500v2.700h-2.700',
  download: 'M8 2.500v7.500M4.800 7L8 10.200 11.200 7M3 13h10',
  plus: 'M8 3v10M3 8h10',
  edit: 'M3 13l.6-2.700L10.800 3a1.200 1.200 0 0 1 1.700 0l.5.500a1.200 1.200 0 0 1 0 1.700L5.700 12.400z',
  trash: 'M3 4.500h10M6.300 4.500V3h3.400v1.500M4.300 4.500l.6 8.500h6.200l.6-8.500M6.700 7v3.700M9.300 7v3.700',
  filter: 'M2.500 4h11L9.300 8.800v3.700l-2.600 1V8.800z',
  sun: 'M8 5.200a2.800 2.800 0 1 1 0 5.600 2.800 2.800 0 0 1 0-5.600zM8 1.500v1.600M8 12.900v1.600M1.500 8h1.600M12.900 8h1.600M3.400 3.400l1.100 1.100M11.500 11.500l1.100 1.100M3.400 12.600l1.100-1.100M11.500 4.500l1.100-1.100',
  moon: 'M13 9.500A5.500 5.500 0 0 1 6.500 3 5.500 5.500 0 1 0 13 9.500z',
  screen: 'M2.500 3.500h11v7.500h-11zM6 13.500h4M8 11v2.500',
  keyboard: 'M2 4.500h12v7H2zM4.300 7h.2M6.800 7h.2M9.300 7h.2M11.600 7h.2M5 9.300h6',
  fork: 'M5 3v4.500c0 2 3 2 3 4V13M11 3v4.500c0 2-3 2-3 4M3.500 3h3M9.500 3h3',
} as const

export type IconName = keyof typeof paths

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  )
}

/** The mark: a tulip. */
export function TulipMark({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path className="tulip-stem" d="M16 29V17" strokeWidth="2.6" strokeLinecap="round" fill="none" />
      <path
        className="tulip-leaf"
        d="M16 28.500c-5.800 0-8.500-3.500-8.500-8 4.500 0 7.500 2.500 8.500 8zM16 28.500c5.800 0 8.500-3.500 8.500-8-4.500 0-7.500 2.500-8.500 8z"
      />
      <path
        className="tulip-cup"
        d="M8 4.500c2.300.9 3.600 2.200 4.300 3.600C13.200 5.600 14.400 4 16 2.500c1.600 1.500 2.800 3.100 3.700 5.600.7-1.400 2-2.700 4.300-3.600.8 8-1.800 15-8 15s-8.800-7-8-15z"
      />
      <path
        className="tulip-petal"
        d="M16 2.500c1.600 1.500 2.800 3.100 3.700 5.600.5 4.800-.9 9-3.700 11.400-2.800-2.400-4.200-6.600-3.700-11.400.9-2.500 2.100-4.100 3.700-5.600z"
      />
    </svg>
  )
}
