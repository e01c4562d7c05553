// Scripts and expectations against Node's `ws`: an application's server under a smoke test, and a
// played server under an application's client.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { listening, load, wsio, wsioWith } from './harness.mjs'

const { WebSocket, WebSocketServer } = load('ws')

/** A small shop: log in, make an order, ask for it; ticks come in between. */
async function shop(t, { price = 42, closesWith } = {}) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: (offered) => [...offered][0] })
  await once(server, 'listening')
  t.after(() => server.close())
  server.on('connection', (socket) => {
    const say = (value) => socket.send(JSON.stringify(value))
    let user
    socket.on('message', (data) => {
      const { op, ...rest } = JSON.parse(data)
      say({ event: 'tick', at: 1 })
      if (op === 'login' && rest.token !== 's3cret') socket.close(4001, 'bad token')
      else if (op === 'login') say({ ok: true, user: (user = rest.user) })
      else if (op === 'order') say({ result: { id: `o-${user}-7`, items: rest.items } })
      else if (op === 'get') say({ id: rest.id, total: price, text: 'zwei\nZeilen' })
      else if (op === 'bytes') socket.send(Buffer.from([0, 255]), { binary: true })
      if (op === 'get' && closesWith) socket.close(closesWith, 'done')
    })
    socket.ping('are you there')
  })
  return `ws://127.0.0.1:${server.address().port}/`
}

const SMOKE = `# A customer's first minute.
> {"op":"login","user":"ann","token":"\${SHOP_TOKEN}"}
<? {"event":"tick"}
< {"ok":true}
> <<END
{
  "op": "order",
  "items": ["tea", "milk"]
}
END
<? {"event":"tick"}
< {"result":{"items":["tea","milk"]}}
capture id /result/id
capture who /"o-(\\w+)-/
> {"op":"get","id":"\${id}"}
<? {"event":"tick"}
< {"id":"o-\${who}-7","total":42}
> {"op":"bytes"}
<? {"event":"tick"}
<b AP8=
`

function folder(files) {
  const path = mkdtempSync(join(tmpdir(), 'wsio-script-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

/** Plays a script with the right token in the environment. */
function play(t, url, script, ...more) {
  return wsioWith(t, { SHOP_TOKEN: 's3cret' }, 'connect', url, '--script', script, ...more)
}

test('a script logs in, orders, and expects what it ordered', async (t) => {
  const path = folder({ 'smoke.wsio': SMOKE })
  const client = play(t, await shop(t), join(path, 'smoke.wsio'))
  assert.equal(await client.exit(), 0, client.err)
  assert.equal(client.out + client.err, '')
})

test('a server that answers something else fails the line, readably and in every report', async (t) => {
  const path = folder({ 'smoke.wsio': SMOKE })
  const [script, xml] = [join(path, 'smoke.wsio'), join(path, 'report.xml')]
  const client = play(t, await shop(t, { price: 43 }), script, '--report', `junit=${xml}`, '--report', 'tap')
  assert.equal(await client.exit(), 1, client.err)
  const lines = client.err.trimEnd().split('\n')
  assert.match(lines[0], new RegExp(`^wsio: script: ${script}:17: something else came after \\d+ ms$`))
  assert.deepEqual(lines.slice(1, 3), ['  | < {"id":"o-${who}-7","total":42}', '  | /total: wanted 42, got 43'])
  assert.match(lines[3], /^ {2}\| got \{"id":"o-ann-7","total":43,"text":"zwei\\nZeilen"\}$/)
  assert.match(lines[4], /skipped 1 message, the last: \{"event":"tick"/)
  assert.ok(client.out.startsWith('TAP version 14\n1..8\nok 1 - open\n'), client.out)
  assert.match(client.out, /\nnot ok 6 - .*:17: /)
  assert.match(readFileSync(xml, 'utf8'), /tests="8" failures="1" errors="0" skipped="2"/)
  assert.ok(!(client.err + client.out + readFileSync(xml, 'utf8')).includes('s3cret'))
})

test('a session that was recorded passes against the same server, and fails against another', async (t) => {
  const path = folder({ 'smoke.wsio': SMOKE })
  const recorded = join(path, 'recorded.wsio')
  const url = await shop(t, { closesWith: 4000 })
  const client = wsio(t, 'connect', url, '--record', recorded, '--ok-close', '4000')
  client.end('{"op":"login","user":"ben","token":"s3cret"}\n{"op":"bytes"}\n{"op":"get","id":"x"}\n')
  assert.equal(await client.exit(), 0, client.err)
  for (let run = 0; run < 3; run++) {
    const again = play(t, url, recorded)
    assert.equal(await again.exit(), 0, `${again.err}\n${readFileSync(recorded, 'utf8')}`)
  }
  const other = play(t, await shop(t, { closesWith: 4009 }), recorded)
  assert.equal(await other.exit(), 1)
  assert.match(other.err, /the peer closed with 4009 private: done instead/)
})

test('one question, one answer, among others', async (t) => {
  const url = await shop(t)
  const login = '{"op":"login","user":"ann","token":"s3cret"}'
  const ask = wsio(t, 'connect', url, '--send', login, '--match-json', '/ok=true', '-1', '--timeout', '20')
  assert.equal(await ask.exit(), 0, ask.err)
  assert.equal(ask.out, '{"ok":true,"user":"ann"}\n')
  const none = wsio(t, 'connect', url, '--send', login, '--match', 'nothing like it', '-1', '--timeout', '1')
  assert.equal(await none.exit(), 1)
  assert.match(none.err, /0 of 2 matched[^\n]*\n {2}\| got \{"event":"tick","at":1\}\n {2}\| got \{"ok":true,"user":"ann"\}/)
})

test('a refusal that has to happen', async (t) => {
  const url = await shop(t)
  const bad = (...expect) => wsio(t, 'connect', url, '--send', '{"op":"login","token":"wrong"}', ...expect)
  const right = bad('--expect-close', '4001', '--subprotocol', 'shop.v1', '--expect-subprotocol', 'shop.v1')
  assert.equal(await right.exit(), 0, right.err)
  const wrong = bad('--expect-close', '1008')
  assert.equal(await wrong.exit(), 1)
  assert.match(wrong.err, /expected the peer to close with 1008, it closed with 4001 private: bad token/)
})

test('a played server stands in for the real one', async (t) => {
  const path = folder({
    'server.wsio': '< {"op":"login"}\n> {"ok":true}\n<b AP8=\n>ping x\n< pong\n>q "zwei\\nZeilen"\n< close 4000 bye\n',
  })
  const { child, url } = await listening(t, 'listen', '0', '--script', join(path, 'server.wsio'))
  const socket = new WebSocket(url)
  await once(socket, 'open')
  socket.send('{"op":"login","user":"ann"}')
  assert.equal((await once(socket, 'message'))[0].toString(), '{"ok":true}')
  socket.send(Buffer.from([0, 255]))
  assert.equal((await once(socket, 'message'))[0].toString(), 'zwei\nZeilen')
  socket.close(4000, 'bye')
  assert.equal((await once(socket, 'close'))[0], 4000)

  const stranger = new WebSocket(url)
  await once(stranger, 'open')
  stranger.send('{"op":"logout"}')
  const [code, reason] = await once(stranger, 'close')
  assert.deepEqual([code, reason.toString()], [1011, 'script failed'])
  await child.says('  | /op: wanted "login", got "logout"')
})
