// The balance's recent movements as a line: green where it rose, red where it fell. The dialog behind it says the same in words.
import { toDrawing, type Cents } from '../data/money'

export function Sparkline({ values, width = 72, height = 22 }: { values: Cents[]; width?: number; height?: number }) {
  if (values.length < 2) {
    return (
      <svg
        className="sparkline"
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        aria-hidden="true"
        focusable="false"
      >
        <line className="spark-flat" x1="2" x2={width - 2} y1={height / 2} y2={height / 2} />
      </svg>
    )
  }
  const numbers = values.map(toDrawing)
  const low = Math.min(...numbers)
  const span = Math.max(...numbers) - low || 1
  const x = (i: number) => 2 + (i * (width - 6)) / (numbers.length - 1)
  const y = (value: number) => 3 + (1 - (value - low) / span) * (height - 6)
  const last = numbers.length - 1
  return (
    <svg
      className="sparkline"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
      data-testid="sparkline"
    >
      {numbers.slice(1).map((value, i) => {
        const before = numbers[i]!
        const tone = value > before ? 'spark-up' : value < before ? 'spark-down' : 'spark-flat'
        return <line key={i} className={tone} x1={x(i)} y1={y(before)} x2={x(i + 1)} y2={y(value)} />
      })}
      <line
        // A line without length has a round end however the picture is squeezed.
        className={numbers[last]! >= numbers[last - 1]! ? 'spark-dot spark-dot-up' : 'spark-dot spark-dot-down'}
        x1={x(last)}
        y1={y(numbers[last]!)}
        x2={x(last)}
        y2={y(numbers[last]!)}
      />
    </svg>
  )
}
