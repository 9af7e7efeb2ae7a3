// Makes typed documents from the `.graphql` files of this package, of `@tidings/react` and of the
// pages: `generated/documents.ts` beside each folder `documents`. The fragments of this package can
// be used in all of them.
//
//   node generate.mjs                      the documents
//   node generate.mjs --manifest <file>    all of them by their SHA-256, as the server's
//                                          `--trusted-documents` reads them

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { codegen } from '@graphql-codegen/core'
import * as operations from '@graphql-codegen/typescript-operations'
import { Kind, buildSchema, parse, print, stripIgnoredCharacters, validate, visit } from 'graphql'

const HERE = dirname(fileURLToPath(import.meta.url))
const WEB = join(HERE, '../..')
const SCHEMA = join(WEB, '../schema.graphql')
const PLACES = [
  { directory: 'packages/client/src', client: '../document.js' },
  { directory: 'packages/react/src', client: '@tidings/client' },
  { directory: 'app', client: '@tidings/client' },
]

const { values: options } = parseArgs({ options: { manifest: { type: 'string' } } })
const schemaText = readFileSync(SCHEMA, 'utf8')
const schema = buildSchema(schemaText)
const places = PLACES.map(place => ({ ...place, definitions: read(place.directory) }))
const shared = places[0].definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)

const manifest = {}
for (const { directory, client, definitions } of places) {
  const isShared = directory === PLACES[0].directory
  // A folder may have a fragment of its own with the same name.
  const own = new Set(definitions.map(({ name }) => name.value))
  const others = isShared ? [] : shared.filter(({ name }) => !own.has(name.value))
  const known = [...others, ...definitions]
  check(directory, known)
  const documents = definitions
    .filter(({ kind }) => kind === Kind.OPERATION_DEFINITION)
    .map(operation => documentOf(operation, known))
  for (const { hash, text } of documents) manifest[hash] = text
  if (!options.manifest && definitions.length > 0) {
    write(join(WEB, directory, 'generated/documents.ts'), await source(client, documents, known))
  }
}
if (options.manifest) write(options.manifest, JSON.stringify(manifest, null, 2) + '\n')

/** What the files of a folder define. */
function read(directory) {
  const folder = join(WEB, directory, 'documents')
  if (!existsSync(folder)) return []
  const files = readdirSync(folder)
    .filter(file => file.endsWith('.graphql'))
    .sort()
  return files.flatMap(file => parse(readFileSync(join(folder, file), 'utf8')).definitions)
}

function check(directory, definitions) {
  const ofTheirOwn = ({ message }) => !/^Fragment ".*" is never used\.$/.test(message)
  const errors = validate(schema, { kind: Kind.DOCUMENT, definitions }).filter(ofTheirOwn)
  for (const { message, locations } of errors) console.error(directory, locations, message)
  if (errors.length > 0) process.exit(1)
}

/** An operation with the fragments that it needs, as one text. */
function documentOf(operation, known) {
  const fragments = new Map()
  const collect = definition =>
    visit(definition, {
      FragmentSpread({ name: { value } }) {
        if (fragments.has(value)) return
        const fragment = known.find(one => one.name.value === value)
        fragments.set(value, fragment)
        collect(fragment)
      },
    })
  collect(operation)
  const definitions = [operation, ...fragments.values()]
  const text = stripIgnoredCharacters(print({ kind: Kind.DOCUMENT, definitions }))
  const hash = createHash('sha256').update(text).digest('hex')
  return { name: operation.name.value, kind: operation.operation, text, hash }
}

async function source(client, documents, definitions) {
  const types = await codegen({
    filename: 'documents.ts',
    schema: parse(schemaText),
    schemaAst: schema,
    documents: [{ document: { kind: Kind.DOCUMENT, definitions } }],
    plugins: [{ operations: {} }],
    pluginMap: { operations },
    config: {
      scalars: { ID: 'string', DateTime: 'string', JSON: 'unknown' },
      strictScalars: true,
      enumType: 'string-literal',
      skipTypename: false,
      nonOptionalTypename: false,
      immutableTypes: true,
      useTypeImports: true,
      preResolveTypes: true,
      inlineFragmentTypes: 'combine',
      avoidOptionals: { field: true, inputValue: false },
    },
  })
  const constants = documents.map(({ name, kind, text, hash }) => {
    const type = name + kind[0].toUpperCase() + kind.slice(1)
    return (
      `export const ${name}Document = /* @__PURE__ */ document<${type}, ${type}Variables>(\n` +
      `  ${JSON.stringify(text)},\n  '${hash}',\n)`
    )
  })
  return [
    '// Made by generate.mjs from the folder `documents`.',
    `import { document } from '${client}'`,
    types,
    ...constants,
    '',
  ].join('\n\n')
}

/** Leaves a file alone that is as it should be, so that nothing is built again because of it. */
function write(file, content) {
  if (existsSync(file) && readFileSync(file, 'utf8') === content) return
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}
