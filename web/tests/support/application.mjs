// The host application, as far as the pages need it: it knows people by a cookie, and gives them
// tokens (`web_token_url`).

import { createServer } from 'node:http'
import { once } from 'node:events'
import { token } from './server.mjs'

export class Application {
  #server
  /** How long tokens are good. */
  seconds = 3600
  /** How many it has given. */
  given = 0
  /** Those who are admins. */
  admins = new Set()

  static async start() {
    const application = new Application()
    application.#server = createServer((request, response) =>
      application.#answer(request, response),
    )
    application.#server.listen(0, '127.0.0.1')
    await once(application.#server, 'listening')
    return application
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`
  }

  /** What the server is told. */
  get settings() {
    return { WEB_TOKEN_URL: `${this.origin}/token` }
  }

  /** The cookie that a browser has when somebody has signed in here. */
  cookie(person) {
    return { name: 'session', value: person, url: this.origin }
  }

  end() {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #answer(request, response) {
    response.setHeader('access-control-allow-origin', request.headers.origin ?? '*')
    response.setHeader('access-control-allow-credentials', 'true')
    response.setHeader('cache-control', 'no-store')
    const person = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1]
    if (request.method !== 'POST' || request.url !== '/token') response.writeHead(404).end()
    else if (!person) response.writeHead(401).end()
    else {
      this.given++
      const role = this.admins.has(person) ? 'admin' : 'user'
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ token: token(person, { role, seconds: this.seconds }) }))
    }
  }
}
