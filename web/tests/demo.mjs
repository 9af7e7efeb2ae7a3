// Somebody has just started the demo and opens GraphiQL. tests/it/graphiql.rs runs this.

import assert from 'node:assert/strict'
import { hasValue, until } from './support/desk.mjs'
import { close, complaints, server, Tab } from './tab.mjs'

const tokens = await fetch(`${server}/demo/users.json`).then(answer => answer.json())
const bearer = name => `Bearer ${tokens.find(user => user.name === name).token}`

// It starts signed in, and so the schema is there.
const ada = await Tab.open()
await hasValue(ada.user, 'ada')
await ada.run()
await ada.answers('Ada Lindqvist')
await ada.answers('and 6 others commented on your post')
await ada.picture('inbox')
await ada.showSchema()
await ada.picture('documentation')

// The chooser writes into the headers, of all tabs.
await ada.show('WhoAmI')
await ada.run()
await ada.answers('"externalId": "ada"')
await ada.signIn('margaret')
await ada.run()
await ada.answers('"viewerRole": "ADMIN"')
await ada.show('Inbox')
await ada.run()
await ada.answers('Margaret')
await ada.signIn('ada')

// Why she did not hear of a like; she follows a post, and wants likes from now on.
await ada.show('Why')
await ada.run()
await ada.answers('“like” was switched off by the user')
await ada.picture('why')
await ada.show('Follow')
await ada.run()
await ada.answers('"like_post"')
await ada.picture('follow')
// Threads, one of them muted; what is read at once, and unread again; what is sent tomorrow; whom she can write to.
await ada.show('Threads')
await ada.run()
await ada.answers('"isMuted": true')
await ada.answers('"messageCount": 5')
await ada.picture('threads')
await ada.show('TidyUp')
await ada.run()
await ada.answers('"markAllRead"')
const read = await until(
  () => ada.response.innerText(),
  text => /"cursor":\s"/.test(text) && /"affectedCount"/.test(text),
)
const cursor = read.match(/"cursor":\s"([^"]+)"/)[1]
await ada.picture('tidy')
await ada.paste('Variables', { filter: {}, undo: true, cursor })
await ada.run()
await ada.answers('"undo"')
await ada.answers(read.match(/"affectedCount":\s[1-9]\d*/)[0])
await ada.show('Plan')
await ada.run()
await ada.answers('Project Atlas')
await ada.show('People')
await ada.run()
await ada.answers('"peopleEdit"')
await ada.answers('Okonkwo')
await ada.picture('people')
// A new tab of the browser begins where this one is.
await ada.show('Inbox')

// One follows, another sends from a second tab of the browser.
const kwame = await Tab.open()
await kwame.signIn('kwame')
await kwame.show('Live')
await kwame.run()
await kwame.answers('"changes": []')
await ada.show('Send')
await ada.run()
await ada.answers('"recipientCount": 1')
await kwame.answers('"title": "Hello from GraphiQL"')
await kwame.answers('ARRIVED')
await kwame.picture('live')
await ada.picture('send')
assert.deepEqual(kwame.introductions, [{ Authorization: bearer('kwame') }])

// The host application tells what somebody did, and announces something.
await ada.signIn('booking-app')
await ada.show('Notify')
await ada.run()
await ada.answers('"recipientCount": 31')
await ada.answers('"label": "Pay"')
// Live shows the latest: the invoice and the comment, and then this, or all of it at once.
await kwame.answers('Cake in the kitchen')
await ada.picture('notify')
await ada.signIn('ada')

// Signed in as somebody else, the tab follows another inbox: the message to Kwame does not come, the one to Priya does.
await kwame.signIn('priya')
await kwame.run()
await kwame.answers('"changes": []')
assert.deepEqual(kwame.introductions[1], { Authorization: bearer('priya') })
const send = (to, subject) =>
  fetch(`${server}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: bearer('ada') },
    body: JSON.stringify({
      query:
        'mutation($input: CreateMessageInput!) { createMessage(input: $input) { message { id } } }',
      variables: { input: { to: [{ user: { externalId: to } }], subject, body: '' } },
    }),
  })
await send('kwame', 'For Kwame')
await send('priya', 'For Priya')
await kwame.answers('For Priya')
assert.doesNotMatch(await kwame.response.innerText(), /Kwame/)
await kwame.stop()

// What is pasted into the headers editor goes into connection_init, as it is.
const asHost = { Authorization: bearer('booking-app'), 'act-as': 'kwame' }
await kwame.pasteHeaders(asHost)
await kwame.run()
await kwame.answers('"changes": []')
assert.deepEqual(kwame.introductions[2], asHost)
await hasValue(kwame.user, 'booking-app')
await send('kwame', 'For Kwame by proxy')
await kwame.answers('For Kwame by proxy')
await kwame.stop()
await kwame.pasteHeaders({ Authorization: 'Bearer wrong' })
await kwame.run()
await kwame.answers('4401')
assert.deepEqual(kwame.introductions[3], { Authorization: 'Bearer wrong' })
await hasValue(kwame.user, '')

assert.deepEqual(complaints, [])
await close()
