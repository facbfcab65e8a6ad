// Reads a text/event-stream body. Not EventSource, for that hides two things the page needs: the status of the answer
// (404: this server has no live stream) and the comments that show that a quiet connection is alive.

export interface StreamMessage {
  event: string
  data: string
}

/** Cuts arriving text into messages. */
export class EventStreamParser {
  /** Where to go on after a reconnect. A server may give it without any message, right at the beginning. */
  lastId: string | null = null
  private rest = ''
  private id: string | null = null
  private event = ''
  private data: string[] = []

  constructor(private readonly onMessage: (message: StreamMessage) => void) {}

  push(text: string): void {
    this.rest += text
    // A lone CR at the very end may be the first half of CRLF: wait for what follows.
    for (;;) {
      const match = /\r\n|\n|\r(?!$)/.exec(this.rest)
      if (!match) return
      this.line(this.rest.slice(0, match.index))
      this.rest = this.rest.slice(match.index + match[0].length)
    }
  }

  private line(line: string): void {
    if (line === '') {
      this.lastId = this.id
      if (this.data.length > 0) this.onMessage({ event: this.event || 'message', data: this.data.join('\n') })
      this.event = ''
      this.data = []
      return
    }
    if (line.startsWith(':')) return
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
    if (field === 'data') this.data.push(value)
    else if (field === 'event') this.event = value
    else if (field === 'id' && !value.includes('\0')) this.id = value
  }
}
