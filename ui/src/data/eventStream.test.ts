import { EventStreamParser, type StreamMessage } from './eventStream'

function parse(chunks: string[]) {
  const messages: StreamMessage[] = []
  const parser = new EventStreamParser((message) => messages.push(message))
  for (const chunk of chunks) parser.push(chunk)
  return { messages, lastId: parser.lastId }
}

const text = 'id: c1\nevent: OrderReceived\ndata: {"a":1}\n\n: alive\n\nid: c2\r\ndata: one\r\ndata: two\r\n\r\n'

test('messages, ids and comments are told apart', () => {
  const { messages, lastId } = parse([text])
  expect(messages).toEqual([
    { event: 'OrderReceived', data: '{"a":1}' },
    { event: 'message', data: 'one\ntwo' },
  ])
  expect(lastId).toBe('c2')
})

test('it does not matter where the network cuts', () => {
  expect(parse([...text]).messages).toEqual(parse([text]).messages)
})

test('an id without a message counts, too', () => {
  expect(parse(['retry: 1000\nid: start\n\n'])).toEqual({ messages: [], lastId: 'start' })
})

test('an unfinished message is not delivered', () => {
  expect(parse(['data: half\n']).messages).toEqual([])
})
