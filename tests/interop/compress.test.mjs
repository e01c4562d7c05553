// permessage-deflate with real peers: Node's `ws`, Python's `websockets`, a page in headless Chromium.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { Child, bytes, eventually, listening, load, python, wsio } from './harness.mjs'

const { WebSocket, WebSocketServer } = load('ws')

/** What `ws` may be told, and what has to be agreed on then. */
const settings = [
  [{}, 'permessage-deflate'],
  [{ threshold: 0 }, 'permessage-deflate'],
  [{ threshold: 0, serverNoContextTakeover: true }, 'permessage-deflate; server_no_context_takeover'],
  [{ threshold: 0, clientNoContextTakeover: true }, 'permessage-deflate; client_no_context_takeover'],
  [
    { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 10 },
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10',
  ],
  [{ threshold: 0, serverMaxWindowBits: 9 }, 'permessage-deflate; server_max_window_bits=9'],
  [{ threshold: 0, serverMaxWindowBits: 8 }, 'permessage-deflate; server_max_window_bits=8'],
]

const line = (n) => `{"time":${n * 17},"user":"user ${n % 97}","text":"${'merhaba 👋 '.repeat(n % 23)}"}`

/** Messages of every kind and size, 16 MiB that shrink and 2 MiB that do not among them. */
const messages = [
  ...Array.from({ length: 500 }, (_, n) => line(n)),
  '',
  Buffer.alloc(0),
  bytes(100),
  bytes(2 << 20),
  Array.from({ length: 80_000 }, (_, n) => line(n)).join('\n').slice(0, 16 << 20),
  Buffer.alloc(16 << 20, 'zeros and more '),
  line(1),
]

const same = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0

for (const [options, agreed] of settings) {
  test(`a Node client with ${JSON.stringify(options)} and listen`, async (t) => {
    const { child, url } = await listening(t, 'listen', '--echo', '--compress', '-v', '0')
    const client = new WebSocket(url, { perMessageDeflate: options, maxPayload: 32 << 20 })
    await once(client, 'open')
    assert.match(await child.says(`#1 > Sec-WebSocket-Extensions: ${agreed}`), /^$/, 'exactly that')
    for (const message of messages) {
      client.send(message)
      const [data, binary] = await once(client, 'message')
      assert.ok(binary === (typeof message !== 'string') && same(data, message), 'it comes back as it went')
    }
    client.send('frag', { fin: false })
    client.ping()
    client.send('ment '.repeat(1000), { fin: false })
    client.send('', { fin: true })
    const [data] = await once(client, 'message')
    assert.equal(data.toString(), 'frag' + 'ment '.repeat(1000))
    // Many at once, as a feed sends them.
    const many = Array.from({ length: 5000 }, (_, n) => line(n))
    const back = []
    client.on('message', (data) => back.push(data.toString()))
    many.forEach((text) => client.send(text))
    await eventually('all of them', () => back.length === many.length)
    assert.deepEqual(back, many)
    client.close(1000)
    assert.match(await child.says(' close '), /^1000 normal/)
  })

  test(`connect and a Node server with ${JSON.stringify(options)}`, async (t) => {
    // A server can only limit its window when it is asked to, or by itself as `ws` does with what it is told.
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: options, maxPayload: 32 << 20 })
    await once(server, 'listening')
    t.after(() => server.close())
    server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
    const url = `ws://127.0.0.1:${server.address().port}/`
    const lines = [...messages.filter((message) => typeof message === 'string' && message && !message.includes('\n')), ...Array.from({ length: 3000 }, (_, n) => line(n)), 'x'.repeat(16 << 20)]
    const client = wsio(t, 'connect', '--compress', '-v', url)
    client.end(lines.join('\n') + '\n')
    assert.equal(await client.exit(), 0, client.err)
    assert.ok(client.out === lines.join('\n') + '\n', 'the same lines')
    assert.match(client.err, /, permessage-deflate/)
    // As `ws` reads its options: it names what it was told, and nothing else.
    for (const parameter of ['server_no_context_takeover', 'client_no_context_takeover', 'server_max_window_bits'])
      assert.equal(client.err.includes(parameter), agreed.includes(parameter), client.err)
  })
}

test('what a client limits for itself is no matter, and what it cannot accept is not forced on it', async (t) => {
  const { child, url } = await listening(t, 'listen', '--echo', '--compress', '-v', '0')
  const limited = new WebSocket(url, { perMessageDeflate: { clientMaxWindowBits: 9, threshold: 0 } })
  await once(limited, 'open')
  await child.says(' permessage-deflate')
  limited.send('limited '.repeat(10_000))
  const [data] = await once(limited, 'message')
  assert.equal(data.toString(), 'limited '.repeat(10_000))
  limited.close()
  const plain = new WebSocket(url, { perMessageDeflate: false })
  await once(plain, 'open')
  assert.equal(plain.extensions, '')
  plain.send('plain '.repeat(1000))
  assert.equal((await once(plain, 'message'))[0].toString(), 'plain '.repeat(1000))
  plain.close()
})

test('a bridge compresses on both sides, each by its own agreement', async (t) => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: { threshold: 0, serverNoContextTakeover: true } })
  await once(server, 'listening')
  t.after(() => server.close())
  server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
  const bridge = await listening(t, 'pipe', '--compress', 'ws-listen:0', `ws://127.0.0.1:${server.address().port}/`)
  const client = new WebSocket(bridge.url, { perMessageDeflate: { threshold: 0, serverMaxWindowBits: 10 } })
  await once(client, 'open')
  for (const message of ['forth and back '.repeat(1000), bytes(100_000), '']) {
    client.send(message)
    const [data, binary] = await once(client, 'message')
    assert.ok(binary === (typeof message !== 'string') && same(data, message))
  }
  client.close(4321, 'bye')
  await once(client, 'close')
})

test('Python on both sides, which compresses by default', async (t) => {
  const script = new URL('./peer.py', import.meta.url).pathname
  const peer = new Child(t, python, [script, 'serve', 'deflate'])
  const url = `ws://127.0.0.1:${await peer.says('port ')}/`
  const lines = [...Array.from({ length: 3000 }, (_, n) => line(n)), 'x'.repeat(16 << 20), line(7)]
  const client = wsio(t, 'connect', '--compress', '-v', '--subprotocol', 'chat', url)
  client.end(lines.join('\n') + '\n')
  assert.equal(await client.exit(), 0, client.err)
  assert.ok(client.out === lines.join('\n') + '\n', 'the same lines')
  assert.match(client.err, /, permessage-deflate; server_max_window_bits=12; client_max_window_bits=12\n/)

  const { child, url: echo } = await listening(t, 'listen', '--echo', '--compress', '-v', '0')
  const asks = new Child(t, python, [script, 'deflate', echo])
  assert.equal(await asks.exit(), 0, asks.err)
  assert.equal(await child.says('#1 > Sec-WebSocket-Extensions: permessage-deflate'), '')
  await child.says('#2 > Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; server_max_window_bits=8')
})

test('a page in Chromium', async (t) => {
  const { chromium } = load('playwright-core')
  const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
  t.after(() => browser.close())
  const { child, url } = await listening(t, 'listen', '--echo', '--compress', '-v', '--allow-origin', 'null', '0')
  const page = await browser.newPage()
  const result = await page.evaluate(
    (url) =>
      new Promise((done) => {
        const socket = new WebSocket(url)
        const sent = ['short', '👋 merhaba '.repeat(100_000), '', 'again '.repeat(100)]
        const got = []
        socket.onopen = () => sent.forEach((text) => socket.send(text))
        socket.onclose = (event) => done({ closed: event.code })
        socket.onmessage = (event) => {
          got.push(event.data)
          if (got.length < sent.length) return
          done({ extensions: socket.extensions, same: got.every((text, index) => text === sent[index]) })
        }
      }),
    url,
  )
  assert.deepEqual(result, { extensions: 'permessage-deflate', same: true })
  await child.says(' permessage-deflate')
})
