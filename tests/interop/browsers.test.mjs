// Firefox and WebKit load the tutorial's page from `wsio listen --serve` and talk to the same server.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { PATIENCE, eventually, listening } from './harness.mjs'
import { browser } from './webdriver.mjs'

const folder = mkdtempSync(join(tmpdir(), 'wsio-page-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'index.html'), `<!doctype html><meta charset="utf-8"><title>tutorial</title>
  <link rel="icon" href="data:,"><script src="page.js"></script>`)
writeFileSync(join(folder, 'page.js'), `globalThis.seen = []
  globalThis.socket = new WebSocket(location.href.replace(/^http/, 'ws').replace(/[^/]*$/, 'chat'), ['other', 'chat'])
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => { seen.push('open ' + socket.protocol + ' ' + socket.extensions); socket.send('👋 merhaba') }
  socket.onmessage = ({ data }) => seen.push('message ' + (data.byteLength ?? (data.length > 99 ? data.length : data)))
  socket.onerror = () => seen.push('error')
  socket.onclose = ({ code, wasClean, reason }) => seen.push('close ' + code + ' ' + wasClean + ' ' + reason)`)

const serving = (t, ...args) => listening(t, 'listen', '0', '--serve', folder, '--subprotocol', 'chat', ...args)
const http = (url) => url.replace(/^ws/, 'http')

/** Waits until the page has seen a line that begins so. */
async function sees(page, what) {
  let seen
  for (const start = Date.now(); Date.now() - start < PATIENCE; await new Promise((done) => setTimeout(done, 20))) {
    seen = await page.evaluate(() => seen)
    if (seen.some((line) => line.startsWith(what))) return seen
  }
  throw new Error(`the page never saw ${what}: ${JSON.stringify(seen)}`)
}

for (const [name, absent] of [
  ['firefox', process.env.NO_FIREFOX],
  ['webkit', process.env.NO_WEBKIT],
]) {
  test(`${name} and the tutorial`, { skip: absent || false }, async (t) => {
    const page = await browser(t, name)

    await t.test('open, send, message, and a close without a code', async (t) => {
      const { child, url } = await serving(t)
      await page.open(http(url))
      await sees(page, 'open chat')
      assert.match(await child.says(' open '), /^\/chat\b/)
      await child.says('GET /page.js 200')
      await eventually('the greeting', () => child.out === '👋 merhaba\n')
      child.write('👋👋👋\n')
      await sees(page, 'message 👋👋👋')
      await page.evaluate(() => socket.close())
      assert.match(await child.says(' close '), /^1005 no status; in 1 messages/)
      await sees(page, 'close 1005 true')
      child.process.kill('SIGTERM')
      assert.equal(await child.exit(), 0, child.err)
    })

    await t.test('closing the server fires onclose on the page, with code and reason', async (t) => {
      const { child, url } = await serving(t, '--once', '--close', '4000:that was all')
      await page.open(http(url))
      await sees(page, 'open chat')
      child.end('last words\n')
      const seen = await sees(page, 'close')
      assert.deepEqual(seen.slice(1), ['message last words', 'close 4000 true that was all'])
      assert.equal(await child.exit(), 0, child.err)
    })

    await t.test('a server that is killed is 1006', async (t) => {
      const { child, url } = await serving(t)
      await page.open(http(url))
      await sees(page, 'open chat')
      child.process.kill('SIGKILL')
      await sees(page, 'close 1006 false')
    })

    await t.test('compressed, over TLS, text and bytes of megabytes come back', async (t) => {
      const { url } = await serving(t, '--echo', '--compress', '--self-signed')
      await page.open(http(url))
      const [open] = await sees(page, 'message 👋 merhaba')
      assert.match(open, /^open chat permessage-deflate/)
      await page.evaluate(() => {
        socket.send('ğ'.repeat(3_000_000))
        socket.send(Uint8Array.from({ length: 2_000_000 }, (_, at) => at * 167))
      })
      const seen = await sees(page, 'message 2000000')
      assert.deepEqual(seen.slice(1), ['message 👋 merhaba', 'message 3000000', 'message 2000000'])
    })

    await t.test('a tab that is closed without a word is a client that went away', async (t) => {
      const { child, url } = await serving(t)
      await page.closeTab(async () => {
        await page.open(http(url))
        await sees(page, 'open chat')
      })
      assert.match(await child.says(' close '), /^1001 going away/)
    })

    await page.quit()
  })
}
