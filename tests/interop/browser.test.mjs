// A real page in headless Chromium: the tutorial this project grew from, wsio in the server's place.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { eventually, listening as listens, load } from './harness.mjs'

const { chromium } = load('playwright-core')
const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

/** The tutorial's page; what it sees stands in `seen`. */
const PAGE = `<!doctype html><title>tutorial</title><script>
const seen = []
function start(url, protocols) {
  globalThis.socket = new WebSocket(url, protocols)
  socket.onopen = () => { seen.push('open ' + socket.protocol); socket.send('👋 merhaba') }
  socket.onmessage = (event) => seen.push('message ' + event.data)
  socket.onerror = () => seen.push('error')
  socket.onclose = (event) => seen.push('close ' + event.code + ' ' + event.wasClean + ' ' + event.reason)
}
</script>`

let browser, web, origin

before(async () => {
  web = createServer((_, answer) => answer.setHeader('Content-Type', 'text/html; charset=utf-8').end(PAGE))
  web.listen(0, 'localhost')
  await once(web, 'listening')
  origin = `http://localhost:${web.address().port}/`
  browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--ignore-certificate-errors'],
  })
})

after(async () => {
  await browser?.close()
  web?.close()
})

/** A server that lets the page in, which comes from another port. */
const listening = (t, ...args) => listens(t, ...args, '--allow-origin', origin.slice(0, -1))

/** Opens the page and its socket. */
async function page(t, url, protocols = []) {
  const page = await browser.newPage()
  t.after(() => page.close())
  await page.goto(origin)
  await page.evaluate(([url, protocols]) => start(url, protocols), [url, protocols])
  return page
}

const sees = (page, what) =>
  page.waitForFunction((what) => seen.some((line) => line.startsWith(what)), what, { timeout: 30_000 })

test('the tutorial: open, send, message, and a close without a code', async (t) => {
  const { child, url } = await listening(t, 'listen', '0')
  // As the tutorial writes it: by name, not by address.
  const tab = await page(t, url.replace('127.0.0.1', 'localhost'))
  await sees(tab, 'open')
  assert.match(await child.says(' open '), /^\/$/)
  await eventually('the greeting', () => child.out === '👋 merhaba\n')
  child.write('👋👋👋\n')
  await sees(tab, 'message 👋👋👋')
  await tab.evaluate(() => socket.close())
  assert.match(await child.says(' close '), /^1005 no status; in 1 messages/)
  await sees(tab, 'close 1005 true')
})

test('closing the server fires onclose on the page', async (t) => {
  const { child, url } = await listening(t, 'listen', '0')
  const tab = await page(t, url)
  await sees(tab, 'open')
  child.process.kill('SIGTERM')
  await sees(tab, 'close 1001 true')
  assert.equal(await child.exit(), 0, child.err)

  const killed = await listening(t, 'listen', '0')
  const other = await page(t, killed.url)
  await sees(other, 'open')
  killed.child.process.kill('SIGKILL')
  await sees(other, 'close 1006 false')
})

test('a page of a foreign origin gets 403, and the log says what would let it in', async (t) => {
  const { child, url } = await listens(t, 'listen', '0')
  const tab = await page(t, url)
  await sees(tab, 'close 1006 false')
  assert.ok((await child.says('refused 403 /: ')).endsWith(`--allow-origin ${origin.slice(0, -1)}`), child.err)
  const file = await browser.newPage()
  t.after(() => file.close())
  await file.setContent(PAGE)
  await file.evaluate((url) => start(url, []), url)
  await sees(file, 'close 1006 false')
  await child.says('--allow-origin null')
})

test('a page that is closed without a word is a client that went away', async (t) => {
  const { child, url } = await listening(t, 'listen', '0')
  const tab = await page(t, url)
  await sees(tab, 'open')
  await tab.close()
  assert.match(await child.says(' close '), /^1001 going away/)
})

test('subprotocol, code and reason between the page and listen', async (t) => {
  const { child, url } = await listening(t, 'listen', '--once', '--subprotocol', 'chat', '--close', '4000:that was all', '0')
  const tab = await page(t, url, ['other', 'chat'])
  await sees(tab, 'open chat')
  child.end('last words\n')
  await sees(tab, 'close 4000 true that was all')
  assert.deepEqual(await tab.evaluate(() => seen), ['open chat', 'message last words', 'close 4000 true that was all'])
  assert.equal(await child.exit(), 0, child.err)
})

test('a page over TLS, and one large message', async (t) => {
  const { url } = await listening(t, 'listen', '--echo', '--self-signed', '0')
  const tab = await page(t, url)
  await sees(tab, 'message 👋 merhaba')
  const length = await tab.evaluate(
    () => new Promise((done) => {
      socket.onmessage = (event) => done(event.data.length)
      socket.send('x'.repeat(5_000_000))
    }),
  )
  assert.equal(length, 5_000_000)
})

test('a page opened where nobody serves the path sees an error and 1006', async (t) => {
  const { child, url } = await listening(t, 'listen', '--path', '/chat', '0')
  const tab = await page(t, url.replace('/chat', '/other'))
  await sees(tab, 'close 1006 false')
  await child.says('refused 404 /other')
})

test('the address in a browser tab explains itself', async (t) => {
  const { url } = await listening(t, 'listen', '0')
  const tab = await browser.newPage()
  t.after(() => tab.close())
  const answer = await tab.goto(url.replace('ws:', 'http:'))
  assert.equal(answer.status(), 426)
  assert.match(await tab.evaluate(() => document.body.innerText), /WebSocket server[^]*wsio connect ws:\/\//)
})
