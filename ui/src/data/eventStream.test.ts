import { EventStreamParser, type StreamMessage } from './eventStream'

function parse(chunks: string[]) {
  const messages: StreamMessage[] = []
  let comments = 0
  const parser = new EventStreamParser(
    (message) => messages.push(message),
    () => comments++,
  )
  for (const chunk of chunks) parser.push(chunk)
  return { messages, comments }
}

const text = 'id: c1\nevent: OrderReceived\ndata: {"a":1}\n\n: alive\n\nid: c2\r\ndata: one\r\ndata: two\r\n\r\n'

test('messages, ids and comments are told apart', () => {
  const { messages, comments } = parse([text])
  expect(messages).toEqual([
    { id: 'c1', event: 'OrderReceived', data: '{"a":1}' },
    { id: 'c2', event: 'message', data: 'one\ntwo' },
  ])
  expect(comments).toBe(1)
})

test('it does not matter where the network cuts', () => {
  expect(parse([...text]).messages).toEqual(parse([text]).messages)
})

test('an unfinished message is not delivered', () => {
  expect(parse(['data: half\n']).messages).toEqual([])
})
