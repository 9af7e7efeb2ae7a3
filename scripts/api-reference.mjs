// Writes the reference of the API, made of schema.graphql: a page of Markdown for each kind of thing.
// Prints a line for each page, as it stands in a SUMMARY.md.
//
//   node scripts/api-reference.mjs <directory>

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

// The web pages have the package; no other folder needs one for this.
const require = createRequire(new URL('../web/package.json', import.meta.url))
const { Kind, parse, print } = require('graphql')

const [directory] = process.argv.slice(2)
const schema = readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8')
const { definitions } = parse(schema)

const ROOTS = { Query: 'queries', Mutation: 'mutations', Subscription: 'subscriptions' }
const PAGES = [
  { file: 'queries', title: 'Queries', has: ({ name }) => name?.value === 'Query' },
  { file: 'mutations', title: 'Mutations', has: ({ name }) => name?.value === 'Mutation' },
  { file: 'subscriptions', title: 'Subscriptions', has: ({ name }) => name?.value === 'Subscription' },
  {
    file: 'types',
    title: 'Types',
    has: ({ kind, name }) =>
      [Kind.OBJECT_TYPE_DEFINITION, Kind.INTERFACE_TYPE_DEFINITION, Kind.UNION_TYPE_DEFINITION].includes(kind) &&
      !(name.value in ROOTS),
  },
  { file: 'inputs', title: 'Inputs', has: ({ kind }) => kind === Kind.INPUT_OBJECT_TYPE_DEFINITION },
  {
    file: 'values',
    title: 'Enums and scalars',
    has: ({ kind }) => kind === Kind.ENUM_TYPE_DEFINITION || kind === Kind.SCALAR_TYPE_DEFINITION,
  },
  { file: 'directives', title: 'Directives', has: ({ kind }) => kind === Kind.DIRECTIVE_DEFINITION },
]

const pageOf = name => PAGES.find(page => definitions.some(type => type.name?.value === name && page.has(type)))

/** A type as it is written, with a link to where it is described. */
function typeLink(type) {
  const text = print(type)
  const name = /\w+/.exec(text)[0]
  const page = pageOf(name)
  // `Int`, `String` and the others of GraphQL itself have no page.
  return page ? `[\`${text}\`](${page.file}.md#${name.toLowerCase()})` : `\`${text}\``
}

const said = ({ description }) => description?.value ?? ''
const inOneLine = text => text.replace(/\s+/g, ' ').replaceAll('|', '\\|')

/** `@auth(requires: [SERVICE, ADMIN])` and the like, which say what a description does not. */
const directives = ({ directives = [] }) => directives.map(directive => `\`${print(directive)}\``).join(' ')

function table(things) {
  const rows = things.map(thing => {
    const initial = thing.defaultValue ? ` = \`${print(thing.defaultValue)}\`` : ''
    const type = thing.type ? typeLink(thing.type) + initial : ''
    const text = inOneLine(`${said(thing)} ${directives(thing)}`.trim())
    return `| \`${thing.name.value}\` | ${type} | ${text} |`
  })
  return ['| | | |', '| --- | --- | --- |', ...rows].join('\n')
}

const returned = field => `Returns ${typeLink(field.type)} ${directives(field)}`.trim()

/** A field of Query, Mutation or Subscription has a heading of its own. */
function rootField(field) {
  const parts = [`## ${field.name.value}`, said(field), returned(field)]
  if (field.arguments.length > 0) parts.push(table(field.arguments))
  return parts.join('\n\n')
}

function definition(thing) {
  const parts = [`## ${thing.name.value}`, said(thing), directives(thing)]
  if (thing.kind === Kind.UNION_TYPE_DEFINITION) parts.push(thing.types.map(typeLink).join(' or '))
  if (thing.kind === Kind.DIRECTIVE_DEFINITION) parts.push(`On ${thing.locations.map(({ value }) => value).join(', ')}`)
  const plain = (thing.fields ?? thing.values ?? thing.arguments ?? []).filter(field => !field.arguments?.length)
  if (plain.length > 0) parts.push(table(plain))
  for (const field of thing.fields?.filter(field => field.arguments?.length) ?? []) {
    parts.push(`### ${thing.name.value}.${field.name.value}`, said(field))
    parts.push(returned(field), table(field.arguments))
  }
  return parts.filter(Boolean).join('\n\n')
}

mkdirSync(directory, { recursive: true })
for (const { file, title, has } of PAGES) {
  const things = definitions.filter(has)
  const isRoot = Object.values(ROOTS).includes(file)
  const texts = isRoot ? things[0].fields.map(rootField) : things.map(definition)
  writeFileSync(join(directory, `${file}.md`), [`# ${title}`, ...texts, ''].join('\n\n'))
  console.log(`  - [${title}](api/${file}.md)`)
}
