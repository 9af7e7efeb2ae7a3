// The packages as others get them: packed, installed into fresh projects, built there by Vite, and
// used in Chromium. The projects are the examples of the documentation.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { PATIENCE } from './support/desk.mjs'
import { Server, token } from './support/server.mjs'

const WEB = fileURLToPath(new URL('..', import.meta.url))
const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url))
const PACKAGES = ['client', 'react', 'element']
const NPM = { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' }

let directory, server, browser
/** The packed files, by the names of their packages. */
const packed = {}

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tidings-packages-'))
  if (!PACKAGES.every(name => existsSync(join(WEB, 'packages', name, 'dist/index.js')))) {
    execFileSync('npm', ['run', '--silent', 'build:packages'], { ...NPM, cwd: WEB })
  }
  for (const name of PACKAGES) {
    const cwd = join(WEB, 'packages', name)
    const options = ['--json', '--ignore-scripts', '--pack-destination', directory]
    const answer = JSON.parse(execFileSync('npm', ['pack', ...options], { ...NPM, cwd }))
    const [{ filename, files }] = Object.values(answer)
    packed[`@tidings/${name}`] = {
      file: join(directory, filename),
      files: files.map(({ path }) => path),
    }
  }
  server = await Server.start()
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  })
})

after(async () => {
  await browser?.close()
  await server?.end()
  rmSync(directory, { recursive: true, force: true })
})

/** A copy of an example that has the packed packages, built; gives its address. */
async function project(test, name) {
  const cwd = join(directory, name)
  cpSync(join(EXAMPLES, name), cwd, {
    recursive: true,
    filter: path => !/node_modules|dist|package-lock\.json$/.test(path.slice(EXAMPLES.length)),
  })
  const manifest = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8'))
  for (const dependency of Object.keys(manifest.dependencies)) {
    if (packed[dependency]) manifest.dependencies[dependency] = `file:${packed[dependency].file}`
  }
  writeFileSync(join(cwd, 'package.json'), JSON.stringify(manifest))
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
  execFileSync('npm', ['install', ...quiet], { ...NPM, cwd })
  execFileSync('npm', ['run', '--silent', 'build'], { ...NPM, cwd })

  const preview = spawn(
    'node',
    ['node_modules/vite/bin/vite.js', 'preview', '--port', '0', '--host', '127.0.0.1'],
    {
      cwd,
      env: {
        ...process.env,
        NO_COLOR: '1',
        TIDINGS_URL: `http://${server.address}`,
        TIDINGS_TOKEN: token('bob'),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  test.after(async () => {
    preview.kill()
    await once(preview, 'exit')
  })
  for await (const line of createInterface({ input: preview.stdout })) {
    const address = /http:\/\/[\d.:]+/.exec(line)
    if (address) return address[0]
  }
  throw new Error('vite preview ended')
}

async function open(test, address) {
  const context = await browser.newContext()
  test.after(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE)
  page.on('pageerror', error => assert.fail(error))
  await page.goto(address)
  return page
}

test('a package has what it is made of, and nothing else', () => {
  for (const [name, { files }] of Object.entries(packed)) {
    for (const file of [
      'package.json',
      'README.md',
      'CHANGELOG.md',
      'dist/index.js',
      'dist/index.d.ts',
    ]) {
      assert.ok(files.includes(file), `${name} has no ${file}`)
    }
    const strangers = files.filter(file => /^(src|tests|node_modules)\/|\.test\./.test(file))
    assert.deepEqual(strangers, [], name)
  }
  assert.ok(packed['@tidings/client'].files.includes('dist/persisted-documents.json'))
})

test('React components in a fresh project', async test => {
  await server.people('bob')
  await server.send('alice', 'bob', 'before')
  const page = await open(test, await project(test, 'react'))
  await page.getByText('before').first().waitFor()
  await server.send('alice', 'bob', 'after')
  await page.getByText('after').first().waitFor()
  const { viewer } = await server.query('bob', '{ viewer { inbox { counts { active } } } }')
  assert.equal(viewer.inbox.counts.active, 2)
})

test('the element in a fresh project without React', async test => {
  await server.people('bob')
  const page = await open(test, await project(test, 'plain'))
  await server.send('alice', 'bob', 'to the element')
  await page.getByText('to the element').first().waitFor()
  await page.waitForFunction(() =>
    /^\d+ unread$/.test(document.querySelector('output').textContent),
  )
})
