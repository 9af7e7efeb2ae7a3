export interface DemoUser {
  name: string
  role: 'user' | 'service' | 'admin'
  token: string
}

/** Whom the demo lets anybody be; nobody where the server is not a demo. */
export async function demoUsers(): Promise<DemoUser[]> {
  const answer = await fetch(new URL('demo/users.json', document.baseURI))
  return answer.ok ? answer.json() : []
}
