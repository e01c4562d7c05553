// Real proxies: tinyproxy with a login, microsocks with and without one; by flag and by environment.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Child, accepting, eventually, folder, freePort, listening, wsioWith } from './harness.mjs'

/** A tinyproxy; gives `HOST:PORT`. */
async function tinyproxy(t, ...lines) {
  const port = await freePort()
  const file = join(folder(t), 'conf')
  writeFileSync(file, [`Port ${port}`, 'Listen 127.0.0.1', 'Timeout 60', ...lines, ''].join('\n'))
  const child = new Child(t, 'tinyproxy', ['-d', '-c', file])
  await accepting(port, child)
  return `127.0.0.1:${port}`
}

/** A microsocks; gives `HOST:PORT`. */
async function microsocks(t, ...args) {
  const port = await freePort()
  const child = new Child(t, 'microsocks', ['-i', '127.0.0.1', '-p', String(port), ...args])
  await accepting(port, child)
  return `127.0.0.1:${port}`
}

const login = 'BasicAuth me s3cret'
const inDebian = (program) => execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim()

/** One question; gives the exit code and what was said. */
async function ask(t, url, env, ...args) {
  const client = wsioWith(t, env, 'connect', url, '--send', 'hi', '-1', ...args)
  client.end('')
  const code = await client.exit()
  if (code === 0) assert.equal(client.out, 'hi\n', client.err)
  return { code, err: client.err }
}

test('the proxies are there', () => {
  assert.ok(inDebian('tinyproxy') && inDebian('microsocks'))
})

test('tinyproxy: ws and wss, by flag and by environment', async (t) => {
  const at = await tinyproxy(t, login)
  const plain = await listening(t, 'listen', '--echo', '0')
  const secure = await listening(t, 'listen', '--echo', '--self-signed', '0')
  const [ws, wss] = [plain.url, secure.url]
  for (const [url, env, ...args] of [
    [ws, {}, '-x', `http://me:s3cret@${at}`],
    [ws, {}, '-x', at, '--proxy-user', 'me:s3cret'],
    [wss, {}, '-k', '--proxy', `me:s3cret@${at}`],
    [ws, { http_proxy: `http://me:s3cret@${at}/` }],
    [wss, { https_proxy: `http://me:s3cret@${at}/` }, '-k'],
    [wss, { ALL_PROXY: at, PROXY_LOGIN: 'me:s3cret' }, '-k', '--proxy-user', '@env:PROXY_LOGIN'],
  ]) {
    const { code, err } = await ask(t, url, env, '-v', ...args)
    assert.equal(code, 0, err)
    assert.match(err, /^\* proxy > CONNECT /m)
    assert.match(err, /Proxy-Authorization: Basic \[hidden\]/)
    assert.ok(!err.includes('s3cret') && !err.includes('bWU6czNjcmV0'), err)
  }
  const { code, err } = await ask(t, ws, { http_proxy: `http://${at}`, no_proxy: '127.0.0.0/8' }, '-v')
  assert.equal(code, 0, err)
  assert.ok(!err.includes('proxy >'), err)
})

test('tinyproxy refuses in its own words', async (t) => {
  const at = await tinyproxy(t, login, 'ConnectPort 443')
  const url = 'ws://127.0.0.1:9/'
  for (const [part, ...args] of [
    ['407 Proxy Authentication Required', '-x', at],
    ['401 Unauthorized', '-x', `me:wrong@${at}`],
    ['403', '-x', `me:s3cret@${at}`],
  ]) {
    const { code, err } = await ask(t, url, {}, ...args)
    assert.equal(code, 97, err)
    assert.ok(err.includes(part) && err.includes('tinyproxy') && err.includes('try: '), err)
  }
})

test('microsocks: names looked up here and there, with a login and without', async (t) => {
  const [open, closed] = [await microsocks(t), await microsocks(t, '-u', 'me', '-P', 's3cret')]
  const secure = await listening(t, 'listen', '--echo', '--self-signed', '0')
  const url = secure.url.replace('127.0.0.1', 'localhost')
  for (const [env, ...args] of [
    [{}, '-x', `socks5://${open}`],
    [{}, '-x', `socks5h://${open}`],
    [{}, '-x', `socks5h://me:s3cret@${closed}`],
    [{ all_proxy: `socks5h://me:s3cret@${closed}` }],
    [{ https_proxy: `socks5://me:s3cret@${closed}` }],
  ]) {
    const { code, err } = await ask(t, url, env, '-k', '-4', '-v', ...args)
    assert.equal(code, 0, err)
    assert.match(err, /^\* proxy < succeeded$/m)
  }
  for (const [proxy, target, part] of [
    [`socks5h://${closed}`, url, 'wants a login'],
    [`socks5h://me:wrong@${closed}`, url, 'does not take this name and password'],
    [`socks5://${open}`, 'ws://127.0.0.1:1/', 'connection refused'],
  ]) {
    const { code, err } = await ask(t, target, {}, '-x', proxy)
    assert.equal(code, 97, err)
    assert.ok(err.includes(part), err)
  }
})

test('a server that speaks first, through both', async (t) => {
  const [http, socks] = [await tinyproxy(t, login), await microsocks(t)]
  const server = createServer((socket) => socket.end('SSH-2.0-hello\r\n')).listen(0, '127.0.0.1')
  await new Promise((done) => server.on('listening', done))
  t.after(() => server.close())
  const goal = `tcp:localhost:${server.address().port}`
  for (const proxy of [`http://me:s3cret@${http}`, `socks5h://${socks}`]) {
    const client = wsioWith(t, {}, 'pipe', '-', goal, '-x', proxy)
    // The input stays open: microsocks ends a tunnel both ways once one of them has ended.
    await eventually('the greeting', () => client.out === 'SSH-2.0-hello\r\n')
  }
})
