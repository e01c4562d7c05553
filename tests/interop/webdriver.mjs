// A browser driven by the W3C's WebDriver protocol: what geckodriver and WebKitWebDriver both speak.

import { Child, PATIENCE, accepting, freePort } from './harness.mjs'

/** The drivers and how they start a browser; `environment` is for one that needs a display. */
const BROWSERS = {
  firefox: {
    driver: process.env.GECKODRIVER ?? 'geckodriver',
    args: (port) => ['--port', port, '--log', 'error'],
    capabilities: {
      'moz:firefoxOptions': {
        args: ['-headless'],
        // Nothing of it leaves this machine.
        prefs: {
          'app.normandy.enabled': false,
          'app.update.disabledForTesting': true,
          'browser.safebrowsing.downloads.remote.enabled': false,
          'datareporting.policy.dataSubmissionEnabled': false,
          'network.captive-portal-service.enabled': false,
          'network.connectivity-service.enabled': false,
          'services.settings.server': 'data:,',
          'toolkit.telemetry.enabled': false,
        },
      },
    },
  },
  webkit: {
    driver: 'WebKitWebDriver',
    args: (port) => ['--host=127.0.0.1', `--port=${port}`],
    capabilities: { 'webkitgtk:browserOptions': { binary: process.env.MINIBROWSER, args: ['--automation'] } },
  },
}

/** Starts a browser that lives as long as `test`; gives its session. */
export async function browser(test, name) {
  const { driver, args, capabilities } = BROWSERS[name]
  const port = await freePort()
  const child = new Child(test, driver, args(String(port)))
  await accepting(port, child)
  const call = async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(2 * PATIENCE),
    })
    const { value } = await answer.json()
    if (!answer.ok) throw new Error(`${name}: ${method} ${path}: ${value.error}: ${value.message}\n${child.err}`)
    return value
  }
  const wants = { acceptInsecureCerts: true, ...capabilities }
  const { sessionId } = await call('POST', '/session', { capabilities: { alwaysMatch: wants } })
  const session = (method, path, body) => call(method, `/session/${sessionId}${path}`, body)
  return {
    open: (url) => session('POST', '/url', { url }),
    /** What a function gives that is run in the page. */
    evaluate: (code, ...args) => session('POST', '/execute/sync', { script: `return (${code})(...arguments)`, args }),
    /** Closes the window that was opened last, its page without a word; the browser stays. */
    closeTab: async (work) => {
      const first = await session('GET', '/window')
      const { handle } = await session('POST', '/window/new', { type: 'tab' })
      await session('POST', '/window', { handle })
      await work()
      await session('DELETE', '/window')
      await session('POST', '/window', { handle: first })
    },
    quit: () => session('DELETE', ''),
  }
}
