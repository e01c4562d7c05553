// What all interop tests share: wsio as a child with bounded waits, and the peers' packages.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const tools = process.env.WSIO_TOOLS
if (!tools || !process.env.WSIO) throw new Error('start these with tests/interop/run')

/** Packages that tests/interop/run installed. */
export const load = createRequire(`${tools}/`)

/** The Python that has `websockets`. */
export const python = `${tools}/python/bin/python`

/** No wait is longer, ms. */
export const PATIENCE = 30_000

/** Waits until `check` gives something; fails with what the children said when it never does. */
export async function eventually(what, check) {
  for (const start = Date.now(); Date.now() - start < PATIENCE; await new Promise((done) => setTimeout(done, 5))) {
    const value = check()
    if (value) return value
  }
  throw new Error(`never happened: ${what}`)
}

// Characters of a child's output that are kept at least; a flood may last as long as it takes.
const KEPT = 32 << 20

/** The end of a text that has grown too long. */
function tail(text) {
  return text.length > 2 * KEPT ? text.slice(-KEPT) : text
}

/** A child process the last of whose output is kept; the test kills it at its end. */
export class Child {
  constructor(test, program, args, env = process.env) {
    this.out = ''
    this.err = ''
    this.process = spawn(program, args, { stdio: 'pipe', env })
    this.process.stdout.setEncoding('utf8').on('data', (text) => (this.out = tail(this.out + text)))
    this.process.stderr.setEncoding('utf8').on('data', (text) => (this.err = tail(this.err + text)))
    this.process.stdin.on('error', () => {})
    this.closed = once(this.process, 'close')
    test.after(() => this.process.kill('SIGKILL'))
  }

  write(text) {
    this.process.stdin.write(text)
  }

  end(text) {
    this.process.stdin.end(text)
  }

  /** The rest of the line that begins with `text`, once it was said on standard error. */
  async says(text) {
    const found = () => this.err.match(new RegExp(`${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(.*)\n`))
    try {
      return (await eventually(text, found))[1]
    } catch (error) {
      throw new Error(`${error.message}; it said:\n${this.err}`)
    }
  }

  /** Its exit code, or the signal that killed it. */
  async exit() {
    const [code, signal] = await Promise.race([
      this.closed,
      new Promise((_, reject) =>
        setTimeout(() => reject(new Error(`it does not end; it said:\n${this.err}`)), PATIENCE).unref(),
      ),
    ])
    return code ?? signal
  }
}

/** What of the environment must not reach a test, unless the test sets it. */
const foreign = /^(.*_proxy|sslkeylogfile)$/i
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)))

/** Starts wsio with these variables. */
export const wsioWith = (test, env, ...args) => new Child(test, process.env.WSIO, args, { ...clean, ...env })

/** Starts wsio. */
export const wsio = (test, ...args) => wsioWith(test, {}, ...args)

/** Starts a wsio that listens; gives it and its URL. */
export async function listening(test, ...args) {
  const child = wsio(test, ...args)
  return { child, url: await child.says('listening on ') }
}

/** Bytes that are neither UTF-8 nor short, the same in every run. */
export const bytes = (length) => Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 167 + (index >> 8)) & 255))

/** A port that is free now. */
export const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => done(port))
    })
  })

/** Waits until something accepts at the port; `child` is what should, and speaks up when nothing does. */
export async function accepting(port, child) {
  for (const start = Date.now(); Date.now() - start < PATIENCE; await new Promise((done) => setTimeout(done, 10))) {
    const open = await new Promise((done) => {
      const socket = connect(port, '127.0.0.1', () => done(true)).on('error', () => done(false))
      socket.on('connect', () => socket.destroy())
    })
    if (open) return
    if (child && child.process.exitCode !== null) break
  }
  throw new Error(`nothing accepts at ${port}; it said:\n${child?.err}`)
}

/** A folder that goes at the end of the test. */
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'wsio-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}
