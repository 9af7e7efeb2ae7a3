// What is made of words, without a browser: formats of a text, times as people write them, and where
// a search has found something.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const source = async path => {
  const file = fileURLToPath(new URL(`../src/${path}`, import.meta.url))
  return (await runnerImport(file, { configFile: false, logLevel: 'error' })).module
}

/** A text with its selection in brackets, as it is after an edit. */
function edited(edit, marked) {
  const start = marked.indexOf('[[')
  const end = marked.indexOf(']]') - 2
  const value = marked.replace('[[', '').replace(']]', '')
  const { from, to, text, selectFrom, selectTo } = edit(value, start, end)
  const after = value.slice(0, from) + text + value.slice(to)
  const [before, selected] = [after.slice(0, selectFrom), after.slice(selectFrom, selectTo)]
  return `${before}[[${selected}]]${after.slice(selectTo)}`
}

test('a format is put around what is selected, and taken away again', async () => {
  const { format, quote } = await source('markdown/format.ts')
  const formatted = (kind, text) => edited((...selection) => format(kind, ...selection), text)
  for (const [kind, before, after] of [
    ['bold', 'so [[very]] true', 'so **[[very]]** true'],
    ['bold', 'so **[[very]]** true', 'so [[very]] true'],
    // Beside a space, signs would be no format.
    ['italic', 'so[[ very ]]true', 'so _[[very]]_ true'],
    ['italic', '[[]]', '_[[]]_'],
    ['code', 'run [[make]]', 'run `[[make]]`'],
    ['code', 'run\n[[make\ntest]]', 'run\n```\n[[make\ntest]]\n```'],
    ['link', 'see [[the plan]]', 'see [the plan]([[https://]])'],
    ['link', '[[https://a.example/b]]', '[[[]]](https://a.example/b)'],
    ['list', 'a\n[[b\nc]]\nd', 'a\n[[- b\n- c]]\nd'],
    ['list', '[[- b\n- c]]', '[[b\nc]]'],
    ['quote', 'said[[]]', '> said[[]]'],
  ]) {
    assert.equal(formatted(kind, before), after, `${kind} of ${before}`)
  }
  const quoted = (text, said) => edited(value => quote(value, said), text)
  assert.equal(quoted('[[]]', 'one\n\ntwo\n'), '> one\n> \n> two\n\n[[]]')
  assert.equal(quoted('Yes[[]]', 'no?'), 'Yes\n\n> no?\n\n[[]]')
})

test('times are understood as people write them, in each language', async () => {
  const { readTime } = await source('inbox/readTime.ts')
  const { de, en } = await source('labels/index.ts')
  // A Tuesday, at noon.
  const now = new Date(2026, 10, 24, 12, 0)
  const read = (text, labels, locale, from = now) => {
    const at = readTime(text, labels.timeWords, locale, from)
    return at && `${at.getMonth() + 1}/${at.getDate()} ${at.getHours()}:${at.getMinutes()}`
  }
  for (const [english, german, expected] of [
    ['in 3 days', 'in 3 Tagen', '11/27 9:0'],
    ['3 days', '3 Tagen', '11/27 9:0'],
    ['in a week', 'in einer Woche', '12/1 9:0'],
    ['in 2 weeks at 8', 'in 2 Wochen um 8', '12/8 8:0'],
    ['in two weeks', 'in zwei Wochen', '12/8 9:0'],
    ['in 0 days', 'in 0 Tagen', undefined],
    ['in 1.5 days', 'in 1,5 Tagen', undefined],
    ['in 2 months', 'in 2 Monaten', '1/24 9:0'],
    ['in 90 minutes', 'in 90 Minuten', '11/24 13:30'],
    ['an hour', 'eine Stunde', '11/24 13:0'],
    ['tomorrow', 'morgen', '11/25 9:0'],
    ['tomorrow 8:30', 'Morgen 8:30', '11/25 8:30'],
    ['the day after tomorrow', 'übermorgen', '11/26 9:0'],
    ['friday', 'Freitag', '11/27 9:0'],
    ['next friday at 17:15', 'nächsten Freitag um 17:15', '11/27 17:15'],
    ['Tue', 'Di', '12/1 9:0'],
    ['18:30', '18:30', '11/24 18:30'],
    ['25:00', '25:00', undefined],
    ['today', 'heute', undefined],
    ['today 13:00', 'heute 13 Uhr', '11/24 13:0'],
    ['3', '3', undefined],
    ['', '', undefined],
    ['whenever', 'irgendwann', undefined],
  ]) {
    assert.equal(read(english, en, 'en-GB'), expected, english)
    assert.equal(read(german, de, 'de-DE'), expected, german)
  }
  assert.equal(read('5pm', en, 'en-US'), '11/24 17:0')
  // What has passed today is tomorrow.
  assert.equal(read('8:30', en, 'en-GB'), '11/25 8:30')
  // Not every month has 31 days.
  assert.equal(read('in 2 months', en, 'en-GB', new Date(2026, 11, 31, 12, 0)), '2/28 9:0')
})

test('words are found where the server finds them', async () => {
  const { placesIn } = await source('inbox/found.ts')
  const found = (text, search) =>
    placesIn(text, search).map(([start, end]) => text.slice(start, end))
  for (const [text, search, expected] of [
    ['Lunch on Thursday', 'thu LUNCH', ['Thu', 'Lunch']],
    // The beginning of a word, and no more of it.
    ['A brunch is no lunch', 'unch', []],
    ['Die Straße, STRASSE', 'strasse', ['Straße', 'STRASSE']],
    ['Die Straße', 'stras', ['Straß']],
    ['A\u0308nderung', 'änd', ['A\u0308nd']],
    // A mark is a part of its letter: e is not é.
    ['Café', 'cafe', []],
    ['Café', 'CAFÉ', ['Café']],
    ['ΟΔΟΣ', 'οδος', ['ΟΔΟΣ']],
    ['会議の予定', '議', ['議']],
    ['e-mail and email', 'e-mail', ['e-mail']],
    ['“Plan” (b)', '(plan)', ['Plan']],
    ['x', '…', []],
  ]) {
    assert.deepEqual(found(text, search), expected, `${search} in ${text}`)
  }
})
