// The other command-line tools of this field as peers: curl (and libcurl itself) and websocat, old and new.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Child, eventually, freePort, accepting, listening, python, wsio } from './harness.mjs'

const script = new URL('./libcurl.py', import.meta.url).pathname
const { CURL, WEBSOCAT, WEBSOCAT4, NO_CURL, NO_LIBCURL, NO_WEBSOCAT, NO_WEBSOCAT4 } = process.env

for (const [name, skip, program, ...args] of [
  ['curl', NO_CURL, CURL, '-sS', '--max-time', '20'],
  ['libcurl', NO_LIBCURL, python, script, 'receive'],
]) {
  test(`${name} writes what listen says, until it closes`, { skip: skip || false }, async (t) => {
    const { child, url } = await listening(t, 'listen', '--once', '--close-timeout', '500ms', '0')
    const lines = Array.from({ length: 2000 }, (_, n) => `ğ ${n} ${'x'.repeat(n)}\n`).join('')
    const client = new Child(t, program, [...args, url])
    child.end(lines)
    await client.exit()
    // It writes payloads and nothing between them, that of the Close too, which it leaves without an answer.
    const payloads = lines.replaceAll('\n', '')
    assert.ok(client.out.startsWith(payloads) && client.out.length <= payloads.length + 2, client.err)
    assert.ok([0, 114].includes(await child.exit()), child.err)
    assert.match(child.err, /out 2000 messages/)
  })
}

test('libcurl sends and receives, a message of megabytes too', { skip: NO_LIBCURL || false }, async (t) => {
  const { child, url } = await listening(t, 'listen', '--echo', '0')
  const lines = `👋 merhaba\n${'x'.repeat(2_000_000)}\n${'y'.repeat(65_536)}\nlast\n`
  const client = new Child(t, python, [script, 'echo', url])
  client.end(lines)
  assert.equal(await client.exit(), 0, client.err)
  assert.ok(client.out === lines, 'the same lines')
  assert.match(await child.says(' close '), /^1000 normal/)
})

for (const [name, skip, program, client, server] of [
  ['websocat', NO_WEBSOCAT, WEBSOCAT, ['-E', '-'], (at) => ['-E', '-t', `ws-l:${at}`, 'mirror:']],
  ['websocat 4', NO_WEBSOCAT4, WEBSOCAT4, [], (at) => ['-t', `ws-l:${at}`, 'mirror:']],
]) {
  const lines = Array.from({ length: 3000 }, (_, n) => `ğ ${n}\n`).join('')

  test(`${name} as a client of listen`, { skip: skip || false }, async (t) => {
    const { child, url } = await listening(t, 'listen', '--echo', '0')
    const peer = new Child(t, program, [...client, url])
    peer.write(lines)
    await eventually('the echo', () => peer.out === lines)
    peer.end()
    await child.says(' close ')
    await peer.exit()
  })

  test(`${name} as a server for connect`, { skip: skip || false }, async (t) => {
    const port = await freePort()
    const peer = new Child(t, program, server(`127.0.0.1:${port}`))
    await accepting(port, peer)
    const talker = wsio(t, 'connect', `ws://127.0.0.1:${port}/`, '-n', '3000')
    talker.end(lines)
    // The old one goes away at a Close, and does not always answer it first.
    assert.ok([0, 114].includes(await talker.exit()), talker.err)
    assert.ok(talker.out === lines, 'the same lines')
  })
}
