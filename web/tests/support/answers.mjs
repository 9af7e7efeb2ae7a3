// Answers of the server that do not come, or are errors, for as long as a test wants it.

export class Answers {
  #held = new Map()
  #refused = new Map()

  /** Between a page and its server from now on. */
  static async of(page) {
    const answers = new Answers()
    await page.route('**/graphql', route => answers.#pass(route))
    return answers
  }

  /** Lets no answer to this operation through, until the result is called. */
  hold(operation) {
    this.#held.set(operation, [])
    return async () => {
      const routes = this.#held.get(operation)
      this.#held.delete(operation)
      for (const route of routes) await route.continue()
    }
  }

  /** Answers this operation with an error, until the result is called. */
  refuse(operation, code = 'INTERNAL_SERVER_ERROR', message = 'The cellar is flooded.') {
    this.#refused.set(operation, { message, extensions: { code } })
    return () => this.#refused.delete(operation)
  }

  async #pass(route) {
    const { query = '' } = route.request().postDataJSON() ?? {}
    const operation = /(?:query|mutation) (\w+)/.exec(query)?.[1]
    const [held, refused] = [this.#held.get(operation), this.#refused.get(operation)]
    if (held) held.push(route)
    else if (refused) {
      await route.fulfill({
        headers: { 'x-request-id': 'a-request' },
        json: { errors: [refused] },
      })
    } else await route.continue()
  }
}
