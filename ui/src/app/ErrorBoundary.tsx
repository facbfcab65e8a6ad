import { Component, type ReactNode } from 'react'
import { Failed } from '../parts/basics'

/** A mistake on one screen leaves the header and the other screens alone. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  state: { error: Error | null } = { error: null }

  static getDerivedStateFromError(error: Error) {
    return { error }
  }

  render() {
    if (!this.state.error) return this.props.children
    return (
      <div className="panel">
        <Failed
          what="This screen failed."
          why={`${this.state.error.message}. Nothing was sent or changed by that.`}
          onRetry={() => this.setState({ error: null })}
        />
      </div>
    )
  }
}
