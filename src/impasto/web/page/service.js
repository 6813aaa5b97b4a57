// Keeps every file that the page has loaded, so that it works offline, and adds the headers that threads need.
"use strict"

const OWN = `impasto ${self.registration.scope} `
const CACHE = OWN + "{{VERSION}}"
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Content-Security-Policy": "{{POLICY}}",
}

self.addEventListener("install", () => self.skipWaiting())
self.addEventListener("activate", event => event.waitUntil(takeOver()))
self.addEventListener("fetch", event => {
  const { method, url } = event.request
  if (method === "GET" && url.startsWith(self.registration.scope)) event.respondWith(answer(event))
})

// Delete what an earlier version of this page has kept.
async function takeOver() {
  for (const name of await caches.keys()) {
    if (name.startsWith(OWN) && name !== CACHE) await caches.delete(name)
  }
  await self.clients.claim()
}

async function answer(event) {
  const cache = await caches.open(CACHE)
  const key = event.request.url.split("?")[0]
  const kept = await cache.match(key)
  if (kept) return kept
  const got = await fetch(key, { cache: "no-cache" })
  if (!got.ok) return got
  const headers = new Headers(got.headers)
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value)
  const { status, statusText } = got
  const complete = new Response(got.body, { status, statusText, headers })
  event.waitUntil(cache.put(key, complete.clone()))
  return complete
}
