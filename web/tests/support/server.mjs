// A real server for tests: the binary of $TIDINGS_BINARY, on a free port of loopback. Its database
// is one that $TIDINGS_TEST_DATABASES gives (an address that answers with the URL of a new one), or
// else a new SQLite file. It can be killed, and started again at the same address with the same
// database.

import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const SECRET = 'only-for-tests-0123456789-0123456789'
export const BINARY = process.env.TIDINGS_BINARY ?? '../target/debug/tidings'

/** A token of a person, as the host application would sign it. */
export function token(person, { role = 'user', seconds = 3600, secret = SECRET } = {}) {
  const now = Math.floor(Date.now() / 1000)
  const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { sub: person, role, aud: 'tidings', iat: now, exp: now + seconds }
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

async function newDatabase() {
  const { TIDINGS_TEST_DATABASES: source } = process.env
  return source && (await fetch(source)).text()
}

export class Server {
  #child
  #directory = mkdtempSync(join(tmpdir(), 'tidings-web-'))
  #settings
  /** Such as `127.0.0.1:4711`; it stays when the server is started again. */
  address
  log = []

  /**
   * Starts one; `settings` are its variables without `TIDINGS_`, and `file` is the text of its
   * `tidings.toml`.
   */
  static async start(settings = {}, { file: toml } = {}) {
    const server = new Server()
    if (toml) writeFileSync(join(server.#directory, 'tidings.toml'), toml)
    const file = join(server.#directory, 'tidings.db')
    server.#settings = {
      DATABASE_URL: (await newDatabase()) ?? `sqlite:${file}`,
      AUTH_SECRET: SECRET,
      ADDRESS_BOOK: 'everybody',
      ...settings,
    }
    await server.up()
    return server
  }

  get url() {
    return `http://${this.address}/graphql`
  }

  get isSqlite() {
    return this.#settings.DATABASE_URL.startsWith('sqlite:')
  }

  /** The file of the database, if it is SQLite. */
  get file() {
    return this.#settings.DATABASE_URL.replace(/^sqlite:/, '')
  }

  /** Starts it again. */
  async up(settings = {}) {
    Object.assign(this.#settings, settings)
    this.#child = this.#spawn(['serve'], { LISTEN: this.address ?? '127.0.0.1:0' })
    const lines = [this.#child.stdout, this.#child.stderr].map(input => createInterface({ input }))
    this.address = await new Promise((resolve, reject) => {
      for (const line of lines) {
        line.on('line', text => {
          this.log.push(text)
          const found = /serving.*address=(\S+)/.exec(text.replace(/\x1b\[[0-9;]*m/g, ''))
          if (found) resolve(found[1])
        })
      }
      this.#child.once('exit', code => reject(new Error(`exit ${code}: ${this.log.join('\n')}`)))
    })
  }

  /** Kills it, without any farewell. */
  async kill() {
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  /** Runs another command of the binary with the same settings. */
  async run(...command) {
    const child = this.#spawn(command)
    let output = ''
    child.stdout.on('data', data => (output += data))
    child.stderr.on('data', data => (output += data))
    const [code] = await once(child, 'exit')
    if (code !== 0) throw new Error(`${command.join(' ')}: ${output}`)
    return output
  }

  /** Ends it and removes its files. */
  async end() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** What somebody asks the server, without any client. */
  async query(person, query, variables = {}, role = 'user') {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token(person, { role })}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ query, variables }),
    })
    const { data, errors } = await response.json()
    if (errors) throw new Error(JSON.stringify(errors))
    return data
  }

  /** People become known by their first request. */
  async people(...names) {
    for (const name of names) await this.query(name, '{ viewer { id } }')
  }

  /** Sends a message; gives its id. */
  async send(from, to, subject, more = {}) {
    const addresses = [to].flat().map(externalId => ({ user: { externalId } }))
    const input = { subject, body: `About ${subject}.`, to: addresses, ...more }
    const { createMessage } = await this.query(
      from,
      'mutation ($input: CreateMessageInput!) { createMessage(input: $input) { message { id } } }',
      { input },
    )
    return createMessage.message.id
  }

  #spawn(command, more = {}) {
    const settings = Object.entries({ ...this.#settings, ...more })
    const variables = settings.map(([name, value]) => [`TIDINGS_${name}`, value])
    return spawn(BINARY, command, {
      // Where there is no other `tidings.toml`.
      cwd: this.#directory,
      env: { ...process.env, ...Object.fromEntries(variables) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }
}
