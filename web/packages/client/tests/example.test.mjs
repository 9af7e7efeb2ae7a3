// The example beside the recipes for other clients, as a reader of the README would run it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { server, token } from './support.mjs'

const DIRECTORY = fileURLToPath(new URL('../../../../examples/resume', import.meta.url))

test('the example shows the inbox over a restart', async test => {
  if (!existsSync(`${DIRECTORY}/node_modules`)) {
    return test.skip('no packages in examples/resume; `npm ci` gets them')
  }
  const inboxes = await server(test)
  await inboxes.people('bob')
  await inboxes.send('alice', 'bob', 'one')
  const program = spawn('node', ['client.mjs', '--until', 'three'], {
    cwd: DIRECTORY,
    env: { ...process.env, TIDINGS_URL: inboxes.url, TIDINGS_TOKEN: token('bob') },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  test.after(() => program.kill())
  const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]()
  const exit = once(program, 'exit')
  const until = async wanted => {
    for (;;) {
      const { value, done } = await lines.next()
      assert.ok(!done, `it ended without: ${wanted}`)
      if (value === wanted) return
    }
  }
  await until('INBOX one*')
  await inboxes.kill()
  await inboxes.up()
  await inboxes.send('alice', 'bob', 'two')
  await until('INBOX two*, one*')
  await inboxes.send('alice', 'bob', 'three')
  await until('INBOX three*, two*, one*')
  assert.deepEqual(await exit, [0, null])
})
