// nginx and haproxy as reverse proxies: in front of wsio as a server, and between wsio as a client and others.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import * as http2 from 'node:http2'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { Child, accepting, bytes, eventually, folder, freePort, listening, load, wsio } from './harness.mjs'

const { WebSocket, WebSocketServer } = load('ws')

let files, cert, key, both

before((t) => {
  files = folder(t)
  cert = join(files, 'cert.pem')
  key = join(files, 'key.pem')
  both = join(files, 'both.pem')
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'pipe' })
  writeFileSync(both, readFileSync(cert) + readFileSync(key))
})

/** An nginx that speaks plainly and over TLS, in front of the origin at this URL; gives both of its URLs. */
async function nginx(t, origin, ...lines) {
  const [plain, secure, at] = [await freePort(), await freePort(), folder(t)]
  const { protocol, host } = new URL(origin)
  const file = join(at, 'conf')
  writeFileSync(file, `daemon off; master_process off; pid ${at}/pid; error_log stderr;
    events {}
    http {
      access_log off;
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((what) => `${what}_temp_path ${at}/${what};`).join(' ')}
      server {
        listen 127.0.0.1:${plain};
        listen 127.0.0.1:${secure} ssl http2;
        ssl_certificate ${cert};
        ssl_certificate_key ${key};
        location / {
          proxy_pass ${protocol === 'wss:' ? 'https' : 'http'}://${host};
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
          proxy_set_header Host $http_host;
          ${lines.join(' ')}
        }
      }
    }`)
  const child = new Child(t, 'nginx', ['-e', 'stderr', '-p', at, '-c', file])
  await accepting(secure, child)
  return { child, plain: `ws://127.0.0.1:${plain}/`, secure: `wss://127.0.0.1:${secure}/` }
}

/** The same of haproxy. */
async function haproxy(t, origin, ...lines) {
  const [plain, secure] = [await freePort(), await freePort()]
  const { protocol, host } = new URL(origin)
  const file = join(folder(t), 'conf')
  writeFileSync(file, `defaults
    mode http
    timeout connect 5s
    retries 0
    timeout client 30s
    timeout server 30s
    ${lines.join('\n    ')}
frontend front
    bind 127.0.0.1:${plain}
    bind 127.0.0.1:${secure} ssl crt ${both} alpn h2,http/1.1
    default_backend back
backend back
    server origin ${host} ${protocol === 'wss:' ? `ssl verify required ca-file ${cert}` : ''}
`)
  const child = new Child(t, 'haproxy', ['-db', '-f', file])
  await accepting(secure, child)
  return { child, plain: `ws://127.0.0.1:${plain}/`, secure: `wss://127.0.0.1:${secure}/` }
}

/** One conversation of Node's `ws`: what is said is waited for, and then closed; gives all that came. */
async function conversation(url, say, options = {}) {
  const socket = new WebSocket(url, ['chat'], { ca: readFileSync(cert), ...options })
  const came = []
  socket.on('message', (data, binary) => came.push(binary ? data : data.toString()))
  const closed = once(socket, 'close')
  await once(socket, 'open')
  for (const message of say) socket.send(message)
  await eventually('the answers', () => came.length === say.length)
  socket.close(1000, 'enough')
  const [code, reason] = await closed
  return { came, code, reason: reason.toString(), subprotocol: socket.protocol, extensions: socket.extensions }
}

const BIG = bytes(5_000_000)

for (const [name, proxy, unavailable] of [
  ['nginx', nginx, '502'],
  ['haproxy', haproxy, '503'],
]) {
  test(`${name} in front of wsio: ws and wss, plain and TLS behind it, compressed and not`, async (t) => {
    for (const tls of [false, true]) {
      const { child, url } = await listening(t, 'listen', '0', '--echo', '--compress', '--subprotocol', 'chat',
        ...(tls ? ['--cert', cert, '--key', key] : []))
      const gateway = await proxy(t, url)
      for (const [at, perMessageDeflate] of [[gateway.plain, false], [gateway.secure, true]]) {
        const { came, extensions, ...rest } = await conversation(at, ['👋 merhaba', '', BIG], { perMessageDeflate })
        assert.deepEqual(rest, { code: 1000, reason: 'enough', subprotocol: 'chat' })
        assert.ok(came[0] === '👋 merhaba' && came[1] === '' && BIG.equals(came[2]), name)
        assert.equal(Boolean(extensions), perMessageDeflate)
      }
      await eventually('both closed', () => child.err.match(/ close 1000 normal: enough/g)?.length === 2)
    }
  })

  test(`${name} between wsio and a server of Node: lines, bytes and every way to end`, async (t) => {
    const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket, { url }) => {
      socket.on('error', () => {})
      if (url === '/echo') socket.on('message', (data, binary) => socket.send(data, { binary }))
      if (url === '/fault') socket.close(1011, 'disk full')
      if (url === '/cut') socket.send('first', () => socket.terminate())
    })
    const gateway = await proxy(t, `wss://127.0.0.1:${server.address().port}/`)
    for (const [base, ...more] of [[gateway.plain], [gateway.secure, '--cacert', cert]]) {
      const lines = Array.from({ length: 5000 }, (_, n) => `ğ ${n}\n`).join('')
      const text = wsio(t, 'connect', `${base}echo`, '--compress', ...more)
      text.end(lines)
      assert.equal(await text.exit(), 0, text.err)
      assert.ok(text.out === lines, 'the same lines')
      for (const [path, code, out] of [['fault', 115, ''], ['cut', 56, 'first\n']]) {
        const client = wsio(t, 'connect', base + path, ...more)
        assert.equal(await client.exit(), code, client.err)
        assert.equal(client.out, out)
      }
    }
  })

  test(`${name} with wsio on both sides: codes, reasons and ends pass`, async (t) => {
    const { child, url } = await listening(t, 'listen', '0', '--once', '--close', '4000:that was all')
    const gateway = await proxy(t, url)
    const client = wsio(t, 'connect', gateway.secure, '--cacert', cert, '--expect-close', '4000')
    child.end('last words\n')
    assert.equal(await client.exit(), 0, client.err)
    assert.equal(client.out, 'last words\n')
    assert.equal(await child.exit(), 0, child.err)
  })

  test(`${name} without its origin is named with its status`, async (t) => {
    const gateway = await proxy(t, `ws://127.0.0.1:${await freePort()}/`)
    const client = wsio(t, 'connect', gateway.plain)
    client.end('')
    assert.notEqual(await client.exit(), 0)
    assert.ok(client.err.includes(unavailable), client.err)
    const check = wsio(t, 'connect', '--check', '--expect-status', unavailable, gateway.plain)
    assert.equal(await check.exit(), 0, check.err)
  })
}

test('pings of either side keep a connection that nginx would give up, and without them it is told as cut', async (t) => {
  const { url } = await listening(t, 'listen', '0', '--echo', '--ping-interval', '200ms')
  const kept = await nginx(t, url, 'proxy_read_timeout 2s; proxy_send_timeout 2s;')
  const client = wsio(t, 'connect', kept.plain, '--every', '5s=still here', '-1', '--ping-interval', 'off')
  assert.equal(await client.exit(), 0, client.err)

  const silent = await listening(t, 'listen', '0', '--ping-interval', 'off')
  const cutting = await nginx(t, silent.url, 'proxy_read_timeout 1s;')
  const cut = wsio(t, 'connect', cutting.plain, '--ping-interval', 'off')
  assert.equal(await cut.exit(), 56, cut.err)
  const pinging = wsio(t, 'connect', cutting.plain, '--ping-interval', '200ms', '--for', '3s')
  assert.equal(await pinging.exit(), 0, pinging.err)
})

test('a client of haproxy that speaks HTTP/2 (RFC 8441) reaches wsio, which speaks HTTP/1.1', async (t) => {
  const { child, url } = await listening(t, 'listen', '0', '--echo')
  const gateway = await haproxy(t, url)
  const session = http2.connect(gateway.secure.replace('wss', 'https'), { ca: readFileSync(cert) })
  t.after(() => session.destroy())
  const [settings] = await once(session, 'remoteSettings')
  assert.equal(settings.enableConnectProtocol, true)
  const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', ':scheme': 'https',
    ':authority': new URL(gateway.secure).host, 'sec-websocket-version': '13' }, { endStream: false })
  const [answer] = await once(stream, 'response')
  assert.equal(answer[':status'], 200)
  let came = Buffer.alloc(0)
  stream.on('data', (data) => (came = Buffer.concat([came, data])))
  // A text "hi" and a Close 1000, with masks of zero.
  stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]))
  await eventually('the echo', () => came.equals(Buffer.from([0x81, 2, 0x68, 0x69])))
  stream.end(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]))
  await child.says(' close 1000 normal')
})
