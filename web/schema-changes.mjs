// Compares a schema with an earlier one, and fails if a change breaks clients and the changelog does
// not name it under Unreleased, as in `InboxItem.subject`:
//
//     node schema-changes.mjs <earlier schema> <schema> <changelog>
import { readFile } from 'node:fs/promises'

import { CriticalityLevel, diff } from '@graphql-inspector/core'
import { buildSchema } from 'graphql'

const [before, after, changelog] = await Promise.all(
  process.argv.slice(2).map(file => readFile(file, 'utf8')),
)
const schemas = [before, after].map(text => buildSchema(text, { assumeValidSDL: true }))
const unreleased = changelog.split(/^## /m).find(part => part.startsWith('[Unreleased]')) ?? ''

const changes = await diff(...schemas)
const breaking = changes.filter(
  ({ criticality }) => criticality.level === CriticalityLevel.Breaking,
)
const unnamed = breaking.filter(({ path }) => !unreleased.includes(`\`${path}\``))
for (const { path, message } of unnamed) {
  console.error(`${path} is not named in the changelog. This breaks clients: ${message}`)
}
console.log(`${changes.length} changes of the schema, of which ${breaking.length} break clients`)
process.exitCode = unnamed.length > 0 ? 1 : 0
