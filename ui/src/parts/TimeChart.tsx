// Charts, drawn by lightweight-charts and loaded only when one is shown. Numbers become doubles here and nowhere else: for drawing.
import {
  CandlestickSeries,
  ColorType,
  createChart,
  HistogramSeries,
  LineSeries,
  LineStyle,
  TickMarkType,
  type IChartApi,
  type ISeriesApi,
  type UTCTimestamp,
} from 'lightweight-charts'
import { useEffect, useRef } from 'react'
import { useShownTheme } from '../data/preferences'

export interface LinePoint {
  time: number
  price: number | null
  buys: number
  sells: number
}

export interface CandlePoint {
  time: number
  open: number
  high: number
  low: number
  close: number
  volume: number
}

function colours() {
  const style = getComputedStyle(document.documentElement)
  const read = (name: string) => style.getPropertyValue(name).trim() || '#888888'
  return { ink: read('--muted'), line: read('--line'), accent: read('--accent'), buy: read('--buy'), sell: read('--sell') }
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const seconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const exact = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' })
const price = new Intl.NumberFormat('en-GB', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
const local = (seconds: unknown) => new Date(Number(seconds) * 1000)

function useChart(withSeconds: boolean) {
  const box = useRef<HTMLDivElement>(null)
  const chart = useRef<IChartApi | null>(null)
  const theme = useShownTheme()
  useEffect(() => {
    if (!box.current) return
    const made = createChart(box.current, {
      autoSize: true,
      layout: { attributionLogo: false, fontFamily: "'Inter Variable', system-ui, sans-serif", fontSize: 11 },
      localization: { timeFormatter: (time: unknown) => exact.format(local(time)), priceFormatter: (value: number) => price.format(value) },
      timeScale: {
        timeVisible: true,
        secondsVisible: withSeconds,
        maxBarSpacing: 28,
        tickMarkFormatter: (time: unknown, type: TickMarkType) =>
          (type === TickMarkType.TimeWithSeconds ? seconds : clock).format(local(time)),
        rightOffset: 2,
      },
      rightPriceScale: { borderVisible: false, entireTextOnly: true },
      handleScroll: { mouseWheel: false, vertTouchDrag: false },
      handleScale: { mouseWheel: false },
    })
    chart.current = made
    return () => {
      chart.current = null
      made.remove()
    }
  }, [withSeconds])
  useEffect(() => {
    const c = colours()
    chart.current?.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: 'transparent' },
        textColor: c.ink,
        panes: { separatorColor: c.line, separatorHoverColor: c.line, enableResize: false },
      },
      grid: { vertLines: { visible: false }, horzLines: { color: c.line } },
      timeScale: { borderColor: c.line },
      crosshair: { vertLine: { color: c.ink, labelBackgroundColor: c.ink }, horzLine: { color: c.ink, labelBackgroundColor: c.ink } },
    })
  }, [theme])
  return { box, chart, theme }
}

/** All points, the first and the last with their whole width and their time; a few of them keep to the right, not stretched over everything. */
function showAll(chart: IChartApi | null, count: number): void {
  const least = 24
  chart?.timeScale().setVisibleLogicalRange({ from: Math.min(0, count - least) - 0.6 - count * 0.03, to: count + 0.6 })
}

/** Average price as a line; below it buys upward and sells downward. */
export default function TimeChart({ points, label }: { points: LinePoint[]; label: string }) {
  const { box, chart, theme } = useChart(true)
  const series = useRef<{ line: ISeriesApi<'Line'>; buys: ISeriesApi<'Histogram'>; sells: ISeriesApi<'Histogram'> } | null>(null)
  useEffect(() => {
    const c = chart.current
    if (!c) return
    const orders = { priceScaleId: '', priceLineVisible: false, lastValueVisible: false, priceFormat: { type: 'volume' as const } }
    series.current = {
      buys: c.addSeries(HistogramSeries, orders, 1),
      sells: c.addSeries(HistogramSeries, orders, 1),
      line: c.addSeries(LineSeries, {
        lineWidth: 2,
        priceLineStyle: LineStyle.Dotted,
        priceFormat: { type: 'price', precision: 2, minMove: 0.01 },
      }),
    }
    c.priceScale('right').applyOptions({ scaleMargins: { top: 0.1, bottom: 0.1 } })
    series.current.buys.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.04 } })
    // Heights are shares: the price gets three quarters.
    c.panes()[0]?.setStretchFactor(3)
    c.panes()[1]?.setStretchFactor(1)
    return () => {
      series.current = null
    }
  }, [chart])
  useEffect(() => {
    const c = colours()
    series.current?.line.applyOptions({ color: c.accent })
    series.current?.buys.applyOptions({ color: `${c.buy}8c` })
    series.current?.sells.applyOptions({ color: `${c.sell}8c` })
  }, [theme])
  useEffect(() => {
    const s = series.current
    if (!s) return
    const at = (point: LinePoint) => point.time as UTCTimestamp
    s.line.setData(points.map((point) => (point.price === null ? { time: at(point) } : { time: at(point), value: point.price })))
    s.buys.setData(points.map((point) => ({ time: at(point), value: point.buys })))
    s.sells.setData(points.map((point) => ({ time: at(point), value: -point.sells })))
    showAll(chart.current, points.length)
  }, [points, chart])
  return <div ref={box} className="chart" role="img" aria-label={label} />
}

export function CandleChart({ points, label }: { points: CandlePoint[]; label: string }) {
  const { box, chart, theme } = useChart(false)
  const series = useRef<ISeriesApi<'Candlestick'> | null>(null)
  useEffect(() => {
    if (chart.current) series.current = chart.current.addSeries(CandlestickSeries, { borderVisible: false })
    return () => {
      series.current = null
    }
  }, [chart])
  useEffect(() => {
    const c = colours()
    series.current?.applyOptions({ upColor: c.buy, downColor: c.sell, wickUpColor: c.buy, wickDownColor: c.sell })
  }, [theme])
  useEffect(() => {
    series.current?.setData(points.map((point) => ({ ...point, time: point.time as UTCTimestamp })))
    showAll(chart.current, points.length)
  }, [points, chart])
  return <div ref={box} className="chart" role="img" aria-label={label} />
}
