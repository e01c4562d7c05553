// Node's `ws` on both sides: the tutorial's server and client, bytes, codes, TLS.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { bytes, eventually, listening, load, wsio } from './harness.mjs'

const { WebSocket, WebSocketServer } = load('ws')

/** A server whose connections log what the tutorial's server logs. */
async function server(t, options, onConnection) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options })
  await once(server, 'listening')
  t.after(() => server.close())
  const log = []
  server.on('connection', (socket, request) => {
    log.push('connection')
    socket.on('message', (data, binary) => log.push(['message', binary ? data : data.toString()]))
    socket.on('close', (code, reason) => log.push(['close', code, reason.toString()]))
    onConnection?.(socket, request)
  })
  return { server, log, url: `ws://127.0.0.1:${server.address().port}/` }
}

test('connect stands in for the page of the tutorial: its close is 1005 at the server', async (t) => {
  const { log, url } = await server(t, {}, (socket) => socket.on('message', () => socket.send('👋👋👋')))
  const client = wsio(t, 'connect', '--close', 'none', '-v', url)
  client.end('👋 merhaba\n')
  assert.equal(await client.exit(), 0, client.err)
  assert.equal(client.out, '👋👋👋\n')
  await eventually('the close', () => log.length === 3)
  assert.deepEqual(log, ['connection', ['message', '👋 merhaba'], ['close', 1005, '']])
  assert.match(client.err, /close 1005 no status/)
})

test('the closing of a real server ends connect at once, whatever stands in front of it', async (t) => {
  for (const [close, code, said] of [
    [(socket) => socket.close(), 0, '1005 no status'],
    [(socket) => socket.close(1000, 'bye'), 0, '1000 normal: bye'],
    [(socket) => socket.close(1011, 'disk full'), 115, '1011 internal error: disk full'],
    [(socket) => socket.close(4001, 'token'), 115, '4001'],
    [(socket) => socket.terminate(), 56, '1006 abnormal'],
  ]) {
    const { url } = await server(t, {}, (socket) => socket.send('first', () => close(socket)))
    const client = wsio(t, 'connect', '-v', url)
    assert.equal(await client.exit(), code, client.err)
    assert.equal(client.out, 'first\n')
    assert.ok(client.err.includes(`close ${said}`), client.err)
  }
})

test('lines and bytes make the round trip through a real server', async (t) => {
  const { url } = await server(t, {}, (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
  const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n} ${'x'.repeat(n % 200)}\n`).join('')
  const text = wsio(t, 'connect', url)
  text.end(lines)
  assert.equal(await text.exit(), 0, text.err)
  assert.ok(text.out === lines, 'the same lines')

  const content = bytes(3_000_000)
  const raw = wsio(t, 'pipe', '-', url)
  const received = []
  raw.process.stdout.removeAllListeners('data').setEncoding('latin1').on('data', (chunk) => received.push(chunk))
  raw.end(content)
  assert.equal(await raw.exit(), 0, raw.err)
  assert.ok(Buffer.from(received.join(''), 'latin1').equals(content), 'the same bytes')
})

test('subprotocol, header fields and a refusal', async (t) => {
  const { url } = await server(
    t,
    {
      handleProtocols: (offered) => [...offered].at(-1),
      verifyClient: ({ req }, done) => done(req.headers.authorization === 'Bearer t', 401, 'no token', { 'X-Why': 'because' }),
    },
    (socket) => socket.close(1000, socket.protocol),
  )
  const good = wsio(t, 'connect', url, '--bearer', 't', '--subprotocol', 'a,b', '-v')
  assert.equal(await good.exit(), 0, good.err)
  assert.match(good.err, /1000 normal: b/)
  const bad = wsio(t, 'connect', url)
  assert.equal(await bad.exit(), 22)
  assert.match(bad.err, /401 Unauthorized[^]*x-why: because[^]*no token/)
})

test('a real client talks to listen in both directions', async (t) => {
  const { child, url } = await listening(t, 'listen', '0')
  const client = new WebSocket(url)
  await once(client, 'open')
  const messages = []
  client.on('message', (data, binary) => messages.push([data.toString(), binary]))
  client.send('👋 merhaba')
  client.send(Buffer.from('bytes'))
  await eventually('the messages', () => child.out === '👋 merhaba\nbytes\n')
  child.write('👋👋👋\n')
  await eventually('the answer', () => messages.length === 1)
  assert.deepEqual(messages, [['👋👋👋', false]])
  client.close()
  assert.match(await child.says(' close '), /^1005 no status; in 2 messages/)
  child.process.kill('SIGTERM')
  assert.equal(await child.exit(), 0, child.err)
})

test('a server that is told to end says 1001 to real clients and waits for them', async (t) => {
  const { child, url } = await listening(t, 'listen', '--echo', '0')
  const clients = Array.from({ length: 20 }, () => new WebSocket(url))
  await Promise.all(clients.map((client) => once(client, 'open')))
  const closes = clients.map((client) => once(client, 'close'))
  child.process.kill('SIGINT')
  for (const [code] of await Promise.all(closes)) assert.equal(code, 1001)
  assert.equal(await child.exit(), 0, child.err)
})

test('200 messages and a Close reach a real client that keeps flooding', async (t) => {
  for (let round = 0; round < 10; round++) {
    const { child, url } = await listening(t, 'listen', '--once', '--linger', '0', '--close', '4000:done', '0')
    child.process.stdout.resume()
    const client = new WebSocket(url)
    await once(client, 'open')
    const seen = []
    client.on('message', (data) => seen.push(data.toString()))
    // Its answer to the Close stands behind what it has not sent yet: on busy cores that would grow to gigabytes.
    const flood = setInterval(() => {
      for (let n = 0; n < 50 && client.readyState === WebSocket.OPEN; n++) {
        if (client.bufferedAmount < 16 << 20) client.send(Buffer.alloc(20_000))
      }
    }, 1)
    const lines = Array.from({ length: 200 }, (_, n) => `message ${n}`)
    child.end(lines.join('\n') + '\n')
    const [code, reason] = await once(client, 'close')
    clearInterval(flood)
    assert.deepEqual([code, reason.toString()], [4000, 'done'])
    assert.deepEqual(seen, lines)
    assert.equal(await child.exit(), 0, child.err)
  }
})

test('a compressing client falls back to plain frames', async (t) => {
  const { url } = await listening(t, 'listen', '--echo', '0')
  const client = new WebSocket(url, { perMessageDeflate: true })
  await once(client, 'open')
  assert.equal(client.extensions, '')
  client.send('x'.repeat(100_000))
  const [data] = await once(client, 'message')
  assert.equal(data.length, 100_000)
  client.close(1000)
  await once(client, 'close')
})

test('a large message and fragments', async (t) => {
  const { url } = await listening(t, 'listen', '--echo', '0')
  const client = new WebSocket(url)
  await once(client, 'open')
  const content = bytes(20_000_000)
  client.send(content)
  const [data, binary] = await once(client, 'message')
  assert.ok(binary && data.equals(content))
  client.send('grü', { fin: false })
  client.ping()
  client.send('ße', { fin: true })
  const [text] = await once(client, 'message')
  assert.equal(text.toString(), 'grüße')
  client.terminate()
})

test('TLS with the stack of Node on the other side', async (t) => {
  const { child, url } = await listening(t, 'listen', '--echo', '--self-signed', '0')
  const said = child.err.match(/sha256 ([0-9A-F:]{95})/)[1]
  const client = new WebSocket(url, { rejectUnauthorized: false })
  const [socket] = await Promise.all([once(client, 'upgrade').then(([response]) => response.socket), once(client, 'open')])
  assert.equal(socket.getPeerCertificate().fingerprint256, said)
  client.send('over TLS')
  const [data] = await once(client, 'message')
  assert.equal(data.toString(), 'over TLS')
  client.close(1000)
  assert.match(await child.says(' close '), /^1000/)

  // The other way round, with a certificate that Node's own TLS serves.
  const folder = mkdtempSync(join(tmpdir(), 'wsio-'))
  const { cert, key } = await certificate(folder)
  const https = createServer({ cert, key }).listen(0, '127.0.0.1')
  t.after(() => https.close())
  await once(https, 'listening')
  new WebSocketServer({ server: https }).on('connection', (peer) => peer.on('message', (text) => peer.send(text.toString())))
  const secure = wsio(t, 'connect', '--cacert', join(folder, 'cert.pem'), '-1', `wss://localhost:${https.address().port}/`)
  secure.write('hello\n')
  assert.equal(await secure.exit(), 0, secure.err)
  assert.equal(secure.out, 'hello\n')
})

async function certificate(folder) {
  const { execFileSync } = await import('node:child_process')
  const { readFileSync } = await import('node:fs')
  writeFileSync(join(folder, 'x'), '')
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=DNS:localhost', '-addext', 'basicConstraints=critical,CA:FALSE',
      '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')],
    { stdio: 'ignore' },
  )
  return { cert: readFileSync(join(folder, 'cert.pem')), key: readFileSync(join(folder, 'key.pem')) }
}
