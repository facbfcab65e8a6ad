/** The library asks to be named where its charts are shown. */
export function ChartCredit() {
  return (
    <a href="https://www.tradingview.com/" target="_blank" rel="noreferrer">
      Chart: TradingView Lightweight Charts™
    </a>
  )
}
