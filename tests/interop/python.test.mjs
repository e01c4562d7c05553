// Python's `websockets` on both sides, through the two small scripts beside this file.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Child, eventually, listening, python, wsio } from './harness.mjs'

const script = new URL('./peer.py', import.meta.url).pathname
const peer = (t, ...args) => new Child(t, python, [script, ...args])

/** A Python server; gives it and its URL. */
async function server(t, mode) {
  const child = peer(t, 'serve', mode)
  const port = await child.says('port ')
  return { child, url: `ws://127.0.0.1:${port}/` }
}

test('connect and a Python echo server', async (t) => {
  const { url } = await server(t, 'echo')
  const lines = Array.from({ length: 5000 }, (_, n) => `ğ ${n}\n`).join('')
  const client = wsio(t, 'connect', url, '--subprotocol', 'chat')
  client.end(lines)
  assert.equal(await client.exit(), 0, client.err)
  assert.ok(client.out === lines, 'the same lines')
})

test('connect offers what a Python server chooses, and takes its close', async (t) => {
  const { url } = await server(t, 'close')
  for (const [close, code, said] of [
    ['1000', 0, '1000 normal: x'],
    ['1001', 0, '1001 going away: x'],
    ['1008', 115, '1008 policy violation: x'],
    ['4321', 115, '4321'],
  ]) {
    const client = wsio(t, 'connect', url, '--send', close, '-v', '--subprotocol', 'chat')
    assert.equal(await client.exit(), code, client.err)
    assert.ok(client.err.includes(said), client.err)
    assert.ok(client.err.includes('subprotocol chat'), client.err)
  }
})

test('a Python client and listen: text, bytes, pings, an orderly close', async (t) => {
  const { child, url } = await listening(t, 'listen', '--echo', '--subprotocol', 'chat', '0')
  const client = peer(t, 'ask', url)
  assert.equal(await client.exit(), 0, client.err)
  assert.match(await child.says(' close '), /^1000 normal: thanks; in 3 messages/)
})

test('a Python client that floods gets all messages and the Close', async (t) => {
  const { child, url } = await listening(t, 'listen', '--once', '--linger', '0', '--close', '4000:done', '0')
  child.process.stdout.resume()
  const client = peer(t, 'flood', url)
  child.end(Array.from({ length: 200 }, (_, n) => `message ${n}`).join('\n') + '\n')
  assert.equal(await client.exit(), 0, client.err)
  assert.equal(client.out.trim(), '200 4000 done')
  assert.equal(await child.exit(), 0, child.err)
})

test('a bridge between a Python client and a Python server passes everything on', async (t) => {
  const { url } = await server(t, 'close')
  const bridge = await listening(t, 'pipe', 'ws-listen:0', url)
  const client = peer(t, 'relay', bridge.url)
  assert.equal(await client.exit(), 0, client.err)
  assert.equal(client.out.trim(), 'chat 4321 x')
  await eventually('the log', () => bridge.child.err.includes('4321'))
})
