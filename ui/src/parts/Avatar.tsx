import { useEffect, useState } from 'react'

/** A round portrait; the initial when there is no picture or it cannot be loaded. Decorative: the name stands beside it. */
export function Avatar({ name, url, size = 32 }: { name: string; url: string | null | undefined; size?: 20 | 24 | 32 | 40 | 64 | 96 }) {
  const [broken, setBroken] = useState(false)
  useEffect(() => setBroken(false), [url])
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 6, 0)
  if (!url || broken) {
    return (
      <span className={`avatar avatar-${size} avatar-letter avatar-hue-${hue}`} aria-hidden="true">
        {name.trim().charAt(0).toUpperCase() || '?'}
      </span>
    )
  }
  return (
    <img
      className={`avatar avatar-${size}`}
      src={url}
      srcSet={sharper(url)}
      width={size}
      height={size}
      alt=""
      decoding="async"
      onError={() => setBroken(true)}
    />
  )
}

/** The seed portraits come in 128 px too, for dense screens. */
function sharper(url: string): string | undefined {
  const match = /^\/avatars\/seed\/([a-z]+)\.png$/.exec(url)
  return match ? `${url} 1x, /avatars/seed/${match[1]}@2x.png 2x` : undefined
}
