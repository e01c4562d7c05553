// A real nats-server: one room for many processes, a broker that is killed, TLS and credentials.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Child, bytes, eventually, listening, load, wsio } from './harness.mjs'

const { WebSocket } = load('ws')

/** Starts nats-server; without a port it takes a free one and says it in a file. */
async function broker(t, { port = -1, more = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'wsio-nats-'))
  const child = new Child(t, 'nats-server', ['-a', '127.0.0.1', '-p', `${port}`, '--ports_file_dir', folder, ...more])
  await child.says('Server is ready')
  const file = join(folder, `nats-server_${child.process.pid}.ports`)
  const ports = await eventually('its ports', () => {
    try {
      return JSON.parse(readFileSync(file, 'utf8'))
    } catch {
      return undefined // Not there yet, or half written.
    }
  })
  return { child, port: Number(new URL(ports.nats[0].replace(/^(nats|tls):/, 'http:')).port) }
}

async function client(url) {
  const socket = new WebSocket(url)
  const messages = []
  socket.on('message', (data, binary) => messages.push(binary ? [data] : data.toString()))
  await once(socket, 'open')
  return { socket, messages }
}

const holds = (what, client, wanted) =>
  eventually(`${what}: ${JSON.stringify(client.messages)}`, () => client.messages.length >= wanted.length).then(() =>
    assert.deepEqual(client.messages, wanted),
  )

test('two servers share one room, and both find a broker that was killed again', async (t) => {
  const first = await broker(t)
  const to = `nats://127.0.0.1:${first.port}/room.one`
  const one = await listening(t, 'listen', '--to', to, '0')
  const two = await listening(t, 'listen', '--to', to, '0')
  const [a, b, c] = [await client(one.url), await client(one.url), await client(two.url)]
  a.socket.send('from a')
  await holds('b', b, ['from a'])
  await holds('c', c, ['from a'])
  c.socket.send(bytes(100_000))
  await holds('a', a, [[bytes(100_000)]])
  await holds('b', b, ['from a', [bytes(100_000)]])

  first.child.process.kill('SIGKILL')
  for (const { child } of [one, two]) {
    assert.equal(await child.says('nats: connection to '), `${to.replace('/room.one', '')} lost, trying again`)
  }
  a.socket.send('among us')
  await holds('b', b, ['from a', [bytes(100_000)], 'among us'])
  await broker(t, { port: first.port })
  for (const { child } of [one, two]) assert.match(await child.says('nats: connected again to '), / after \d+(\.\d)? m?s$/)
  // What waited may have come before the other server was back: from here on everything arrives.
  c.messages.length = 0
  await eventually('it flows again', () => {
    a.socket.send('again')
    return c.messages.includes('again')
  })
  for (const { child } of [one, two]) {
    assert.equal(child.err.match(/ lost, trying again/g).length, 1, child.err)
    assert.equal(child.err.match(/connected again/g).length, 1, child.err)
    child.process.kill('SIGTERM')
    assert.equal(await child.exit(), 0, child.err)
  }
})

test('a pipeline publishes all of it, and another one receives all of it', async (t) => {
  const { port } = await broker(t)
  const url = `nats://127.0.0.1:${port}/lines`
  const lines = Array.from({ length: 50_000 }, (_, n) => `line ${n} ${'x'.repeat(n % 100)}\n`).join('')
  const receiver = wsio(t, 'pipe', '--framing', 'lines', '-n', '50000', '-v', url)
  await receiver.says('open: ')
  const publisher = wsio(t, 'pipe', '--framing', 'lines', '-', url)
  publisher.end(lines)
  assert.equal(await publisher.exit(), 0, publisher.err)
  assert.equal(await receiver.exit(), 0, receiver.err)
  assert.ok(receiver.out === lines, 'the same lines')
})

test('somebody who listens to everything holds nobody up', async (t) => {
  const { port } = await broker(t)
  const all = wsio(t, 'pipe', '-v', '--recv-only', '--out', 'lines', '-', `nats://127.0.0.1:${port}/>`)
  await all.says('open: ')
  const publisher = wsio(t, 'pipe', '--framing', 'lines', '-', `nats://127.0.0.1:${port}/a.b`)
  publisher.end('one\ntwo\n')
  assert.equal(await publisher.exit(), 0, publisher.err)
  await eventually('it hears them, and nothing else', () => all.out === 'one\ntwo\n')
})

test('credentials, permissions and the limits of the server', async (t) => {
  const { port } = await broker(t, { more: ['--user', 'me', '--pass', 'p@ss'] })
  const run = async (url, input) => {
    const child = wsio(t, 'pipe', '-v', '-', url)
    child.end(input)
    return { code: await child.exit(), err: child.err }
  }
  const good = await run(`nats://me:p%40ss@127.0.0.1:${port}/x`, 'hello')
  assert.equal(good.code, 0, good.err)
  for (const userinfo of ['', 'me:wrong@', 'token@']) {
    const bad = await run(`nats://${userinfo}127.0.0.1:${port}/x`, 'hello')
    assert.equal(bad.code, 7, bad.err)
    assert.match(bad.err, /refused us: authorization violation/)
    assert.doesNotMatch(bad.err + good.err, /p@ss|p%40ss|wrong|token@/)
  }
  const large = wsio(t, 'pipe', '--framing', 'whole', '-', `nats://me:p%40ss@127.0.0.1:${port}/x`)
  large.end(Buffer.alloc(2_000_000))
  assert.equal(await large.exit(), 65, large.err)
  assert.match(large.err, /2000000 bytes.*: 1048576/)
})

test('TLS with the stack of Go on the other side', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wsio-nats-'))
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(folder, name))
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=wsio interop',
      '-addext', 'subjectAltName=DNS:localhost', '-addext', 'basicConstraints=critical,CA:FALSE', '-keyout', key, '-out', cert],
    { stdio: 'ignore' },
  )
  const { port } = await broker(t, { more: ['--tls', '--tlscert', cert, '--tlskey', key] })
  for (const scheme of ['nats', 'nats+tls']) {
    const url = `${scheme}://localhost:${port}/x`
    const good = wsio(t, 'pipe', '--cacert', cert, '-', url)
    good.end('hello')
    assert.equal(await good.exit(), 0, good.err)
    const bad = wsio(t, 'pipe', '-', url)
    bad.end('hello')
    assert.equal(await bad.exit(), 60, bad.err)
    assert.match(bad.err, /self-signed, and not trusted here/)
  }
})
