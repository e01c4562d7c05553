// --serve and --console as a real browser sees them: headless Chromium, its cache and its policies.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { eventually, listening, load, PATIENCE } from './harness.mjs'

const { chromium } = load('playwright-core')
const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

/** The smallest PNG. */
const PIXEL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==', 'base64')
const PARTS = 12

let browser, folder

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wsio-site-'))
  const parts = Array.from({ length: PARTS }, (_, part) => part)
  writeFileSync(join(folder, 'index.html'), `<!doctype html><title>page</title><link rel="icon" href="data:,">
    <link rel="stylesheet" href="style.css"><img id="pixel" src="pixel.png"><script type="module" src="main.mjs"></script>`)
  writeFileSync(join(folder, 'style.css'), 'body { color: rgb(1, 2, 3) }')
  writeFileSync(join(folder, 'pixel.png'), PIXEL)
  writeFileSync(join(folder, 'main.mjs'), `${parts.map((part) => `import './part-${part}.js'`).join('\n')}
    globalThis.seen = []
    globalThis.socket = new WebSocket('/chat')
    socket.onopen = () => socket.send('hello from the page')
    socket.onmessage = ({ data }) => seen.push(data)`)
  for (const part of parts) writeFileSync(join(folder, `part-${part}.js`), `(globalThis.parts ??= []).push(${part})`)
  browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--ignore-certificate-errors'],
  })
})

after(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A new tab whose complaints are collected. */
async function tab(t, options = {}) {
  const context = await browser.newContext(options)
  t.after(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE)
  page.complaints = []
  page.on('console', (message) => message.type() === 'error' && page.complaints.push(message.text()))
  page.on('pageerror', (error) => page.complaints.push(String(error)))
  return page
}

const http = (url) => url.replace(/^ws/, 'http')

for (const [name, more] of [['plain', []], ['over TLS', ['--self-signed']], ['with a login', ['--user', 'me:secret']]]) {
  test(`a page and its parts come with their socket, ${name}`, async (t) => {
    const { child, url } = await listening(t, 'listen', '0', '--echo', '--serve', folder, ...more)
    const page = await tab(t, name === 'with a login' ? { httpCredentials: { username: 'me', password: 'secret' } } : {})
    await page.goto(http(url))
    await page.waitForFunction(() => globalThis.seen?.includes('hello from the page'))
    assert.equal(await page.evaluate(() => parts.length), PARTS)
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).color), 'rgb(1, 2, 3)')
    assert.equal(await page.evaluate(() => document.getElementById('pixel').naturalWidth), 1)
    assert.match(await child.says(' open '), /^\/chat$/)
    // Many files, few connections.
    const lines = child.err.match(/^#\d+(?= \S+ GET .* 200 )/gm)
    assert.ok(lines.length >= PARTS + 4, child.err)
    assert.ok(new Set(lines).size <= 8, child.err)
    if (name === 'plain') {
      // Nothing is sent twice that has not changed; Playwright has no cache with a login, Chromium none with -k.
      await page.reload()
      await page.waitForFunction(() => globalThis.seen?.includes('hello from the page'))
      await child.says('GET /style.css 304')
    }
    assert.deepEqual(page.complaints, [])
  })
}

test('a page of a foreign origin gets nothing', async (t) => {
  const { child, url } = await listening(t, 'listen', '0', '--echo', '--serve', folder, '--console')
  const web = createServer((_, answer) => answer.setHeader('Content-Type', 'text/html').end('<!doctype html><title>foreign</title>'))
  t.after(() => web.close())
  web.listen(0, '127.0.0.1')
  await once(web, 'listening')
  const origin = `http://127.0.0.1:${web.address().port}`
  const page = await tab(t)
  await page.goto(origin)
  const outcome = (what) =>
    page.evaluate(
      ([what, url, files]) => ({
        socket: () => new Promise((done) => {
          const socket = new WebSocket(url)
          socket.onopen = () => done('open')
          socket.onclose = ({ code }) => done(code)
        }),
        fetch: () => fetch(`${files}part-0.js`).then((answer) => answer.status, () => 'refused'),
        opaque: () => fetch(`${files}part-0.js`, { mode: 'no-cors' }).then((answer) => answer.type, () => 'refused'),
        image: () => new Promise((done) => {
          const image = new Image()
          image.onload = () => done('loaded')
          image.onerror = () => done('refused')
          image.src = `${files}pixel.png`
        }),
        script: () => new Promise((done) => {
          const script = document.createElement('script')
          script.onload = () => done('loaded')
          script.onerror = () => done('refused')
          script.src = `${files}part-0.js`
          document.head.append(script)
        }),
      })[what](),
      [what, url, http(url)],
    )
  assert.equal(await outcome('socket'), 1006)
  assert.ok((await child.says('refused 403 /: ')).endsWith(`--allow-origin ${origin}`), child.err)
  for (const what of ['fetch', 'opaque', 'image', 'script']) assert.equal(await outcome(what), 'refused', what)
  assert.equal(await page.evaluate(() => globalThis.parts), undefined)
  // Nor may it put the console into a frame and have it clicked.
  await page.evaluate((source) => {
    const frame = document.createElement('iframe')
    frame.src = source
    document.body.append(frame)
  }, `${http(url)}.console`)
  await eventually('the frame is blocked', () => page.complaints.some((text) => text.includes('frame-ancestors')))

  const friendly = await listening(t, 'listen', '0', '--echo', '--serve', folder, '--allow-origin', origin)
  const read = (files) => fetch(`${files}part-0.js`).then((answer) => answer.text())
  assert.match(await page.evaluate(read, http(friendly.url)), /parts/)
})

test('the console talks to the socket it came from', async (t) => {
  const { child, url } = await listening(t, 'listen', '0', '--once', '--console', '--close', '4000:that was all', '--subprotocol', 'chat')
  const page = await tab(t)
  await page.goto(`${http(url)}room/7?x=1`)
  const state = (text) => page.waitForFunction((text) => document.getElementById('state').textContent === text, text)
  const last = (kind) => page.locator(`#log > li.${kind}`).last().locator('pre')
  await state('open')
  assert.match(await child.says(' open '), /^\/room\/7\?x=1$/)

  // The caret is where one types; Enter sends, Shift and Enter is a line.
  await page.keyboard.type('one')
  await page.keyboard.press('Shift+Enter')
  await page.keyboard.type('two')
  await page.keyboard.press('Enter')
  await eventually('the lines', () => child.out === 'one\ntwo\n')
  assert.equal(await last('out').textContent(), 'one\ntwo')
  assert.equal(await page.inputValue('#draft'), '')
  await page.keyboard.press('ArrowUp')
  assert.equal(await page.inputValue('#draft'), 'one\ntwo')
  await page.keyboard.press('ArrowDown')
  assert.equal(await page.inputValue('#draft'), '')

  const shown = async (line) => {
    const before = await page.locator('#log > li.in').count()
    child.write(`${line}\n`)
    await page.waitForFunction((before) => document.querySelectorAll('#log > li.in').length > before, before)
    return last('in').textContent()
  }
  const markup = '<img src=x onerror="globalThis.hacked = 1"><b>bold</b>'
  assert.equal(await shown(markup), markup)
  assert.equal(await page.locator('#log img, #log b').count(), 0)
  // Laid out, and not a digit, name or escape of it altered.
  assert.equal(
    await shown('{"id":12345678901234567890,"id":1.50,"list":[],"text":"\\u00e9, {\\"x\\": [1]}","deep":[{"a":null}, -1e400]}'),
    '{\n  "id": 12345678901234567890,\n  "id": 1.50,\n  "list": [],\n  "text": "\\u00e9, {\\"x\\": [1]}",\n  "deep": [\n    {\n      "a": null\n    },\n    -1e400\n  ]\n}',
  )
  await page.uncheck('#pretty')
  assert.match(await last('in').textContent(), /^\{"id":12345678901234567890,"id":1.50,/)
  await page.check('#pretty')
  assert.equal(await shown('{not json}'), '{not json}')
  assert.match(await page.locator('#log > li time').first().textContent(), /^\d\d:\d\d:\d\d\.\d{3}$/)

  await page.click('#clear')
  assert.equal(await page.locator('#log > li').count(), 0)

  child.end('last words\n')
  await state('closed')
  await page.waitForFunction(() => document.querySelector('#log > li.bad')?.textContent.includes('4000'))
  assert.equal(await last('bad').textContent(), 'closed 4000: that was all')
  assert.equal(await last('in').textContent(), 'last words')
  assert.equal(await child.exit(), 0, child.err)
  // Nobody is there any more, and that is said.
  await page.click('#connect')
  await page.waitForFunction(() => document.querySelector('#log > li:last-child.bad')?.textContent.includes('not opened'))
  const complaints = page.complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'))
  assert.deepEqual(complaints, [])
})

test('the console: bytes, another path, a subprotocol, close and reconnect', async (t) => {
  const { child, url } = await listening(t, 'listen', '0', '--echo', '--console', '--subprotocol', 'chat')
  const page = await tab(t)
  await page.goto(http(url))
  const state = (text) => page.waitForFunction((text) => document.getElementById('state').textContent === text, text)
  await state('open')
  await page.selectOption('#kind', 'hex')
  await page.fill('#draft', '00 ff 3c 62 3e')
  await page.click('#send')
  const bytes = '00000000  00 ff 3c 62 3e                                    |..<b>|'
  await page.waitForFunction((bytes) => document.querySelector('#log > li.in.binary pre')?.textContent === bytes, bytes)
  await page.fill('#draft', '0 1 2')
  await page.click('#send')
  await page.waitForFunction(() => document.querySelector('#log > li.bad')?.textContent.includes('not sent'))
  await page.click('#close')
  await state('closed')
  assert.match(await child.says(' close '), /^1000 normal/)
  await page.fill('#path', '/elsewhere')
  await page.fill('#protocols', 'other, chat')
  await page.keyboard.press('Enter')
  await state('open')
  assert.match(await child.says('open /elsewhere'), /^ subprotocol chat$/)
  await page.waitForFunction(() => document.querySelector('#log > li:last-child').textContent.includes('subprotocol chat'))
  assert.deepEqual(page.complaints, [])
})

test('the console keeps up with a feed', async (t) => {
  const { child, url } = await listening(t, 'listen', '0', '--console')
  const page = await tab(t)
  await page.goto(http(url))
  await child.says(' open ')
  child.write(Array.from({ length: 5000 }, (_, number) => `line ${number}\n`).join(''))
  await page.waitForFunction(() => document.querySelector('#log > li:last-child pre')?.textContent === 'line 4999')
  assert.equal(await page.locator('#log > li').count(), 2000)
  assert.match(await page.locator('#sums').textContent(), /^in 5000 messages, .* 3002 older lines not shown$/)
})
