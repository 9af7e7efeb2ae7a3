// A network that can be cut: it passes bytes on to a server, until it does not.

import { createServer, connect } from 'node:net'
import { once } from 'node:events'

export class Proxy {
  #target
  #pairs = new Set()
  #server
  #mode = 'open'
  /** How many connections were tried while it was cut. */
  refused = 0
  address

  /** A way to `address`, which is `host:port`. */
  static async to(address) {
    const proxy = new Proxy()
    proxy.#target = address
    proxy.#server = createServer(socket => proxy.#accept(socket))
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    proxy.address = `127.0.0.1:${proxy.#server.address().port}`
    return proxy
  }

  get url() {
    return `http://${this.address}/graphql`
  }

  /** How many connections there are. */
  get connections() {
    return this.#pairs.size
  }

  /** Ends all connections and refuses new ones. */
  cut() {
    this.#mode = 'cut'
    for (const { near, far } of this.#pairs) {
      near.destroy()
      far.destroy()
    }
  }

  /** Says nothing any more, in either direction, and tells nobody. */
  silence() {
    this.#mode = 'silent'
    for (const { near, far } of this.#pairs) {
      near.unpipe(far)
      far.unpipe(near)
      near.resume()
      far.resume()
    }
  }

  /** Passes on what comes from the near side, and nothing that comes back. */
  loseAnswers() {
    this.#mode = 'deaf'
    for (const pair of this.#pairs) this.#deafen(pair)
  }

  /** Lets new connections through; those that were silenced stay so. */
  mend() {
    this.#mode = 'open'
  }

  async end() {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(near) {
    near.on('error', () => undefined)
    if (this.#mode === 'cut') {
      this.refused++
      return near.destroy()
    }
    if (this.#mode === 'silent') return near.resume()
    const [host, port] = this.#target.split(':')
    const far = connect(Number(port), host)
    const pair = { near, far }
    this.#pairs.add(pair)
    near.pipe(far)
    far.pipe(near)
    if (this.#mode === 'deaf') this.#deafen(pair)
    far.on('error', () => near.destroy())
    near.on('close', () => {
      far.destroy()
      this.#pairs.delete(pair)
    })
    far.on('close', () => near.destroy())
  }

  #deafen({ near, far }) {
    far.unpipe(near)
    far.resume()
  }
}
