// The page: takes photos and camera frames, has them painted by worker.js, shows, saves and shares them.
"use strict"

const LARGEST = 1024 // long side of a photo that is kept, pixels
const FRAME = 320 // long side of a camera frame
const PATIENCE = 2000 // milliseconds to wait for the service worker
const READING = 4000 // milliseconds that a fault stays while something is painted
const STEADY = 0.9 // share of earlier frames in the statistics of the next, against flicker

const id = name => document.getElementById(name)
const settings = JSON.parse(id("settings").textContent)
const canvas = id("canvas")
const context = canvas.getContext("2d", { willReadFrequently: true })
const video = document.createElement("video")
video.muted = video.playsInline = true

let worker = null
let answer = null // what to call with the worker's answer
let photo = null // { source, name }: a canvas and the stem of its file's name
let latest = null // the file that was chosen last
let stream = null // of the camera
let statistics = null // of the camera's frames
let wanted = false // whether the photo is to be painted again
let working = false
let held = 0 // until when a fault stays that was told meanwhile, milliseconds

function say(text) {
  id("status").textContent = text
}

function style() {
  const chosen = document.querySelector("input[name=style]:checked")
  return settings.styles[chosen ? Number(chosen.value) : 0]
}

// Strength s gives the style's rows the weight s, and the photo's own row, the first, 1 - s.
function weights() {
  const strength = id("strength").value / 100
  const rows = Float32Array.from(style().weights, share => strength * share)
  rows[0] = 1 - strength
  return rows
}

// Return width and height for a long side; nothing is enlarged.
function fitted(width, height, side) {
  const scale = Math.min(1, side / Math.max(width, height))
  return [width, height].map(length => Math.max(1, Math.round(length * scale)))
}

// Draw a picture on a canvas of its size, on white where it is transparent.
function draw(source, [width, height], to = document.createElement("canvas")) {
  to.width = width
  to.height = height
  const pen = to.getContext("2d", { willReadFrequently: true })
  pen.fillStyle = "white"
  pen.fillRect(0, 0, width, height)
  pen.imageSmoothingQuality = "high"
  pen.drawImage(source, 0, 0, width, height)
  return to
}

function ask(source, known) {
  const pixels = source.getContext("2d").getImageData(0, 0, source.width, source.height)
  const asked = { pixels, weights: weights(), channels: settings.channels, statistics: known }
  return new Promise((resolve, reject) => {
    answer = { resolve, reject }
    worker.postMessage(asked, [pixels.data.buffer])
  })
}

function show(pixels) {
  canvas.width = pixels.width
  canvas.height = pixels.height
  context.putImageData(pixels, 0, 0)
  const what = stream ? "the camera" : photo.name
  canvas.setAttribute("aria-label", `${what}, painted in the style ${style().name}`)
}

async function paintPhoto() {
  const { source } = photo
  const size = fitted(source.width, source.height, Number(id("size").value))
  id("progress").hidden = false
  held = 0
  say("Painting ...")
  const start = performance.now()
  const painted = await ask(draw(source, size), null)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  if (stream) return
  show(painted.pixels)
  if (performance.now() > held) say(`${size.join(" x ")} pixels, painted in ${seconds} s`)
  ready(!wanted)
}

async function paintFrame() {
  const size = fitted(video.videoWidth, video.videoHeight, FRAME)
  const start = performance.now()
  const painted = await ask(draw(video, size), statistics)
  if (!stream) return
  const found = painted.statistics
  statistics = statistics?.map((value, at) => STEADY * value + (1 - STEADY) * found[at]) ?? found
  show(painted.pixels)
  if (performance.now() > held) say(`Camera, ${(1000 / (performance.now() - start)).toFixed(1)} pictures a second`)
}

// The only one to ask the worker, one picture after the other.
async function work() {
  if (working) return
  working = true
  while (stream || wanted) {
    const live = Boolean(stream)
    wanted = false
    try {
      await (live ? paintFrame() : paintPhoto())
    } catch (fault) {
      if (live) stopCamera()
      say(`Painting failed: ${fault.message}`)
    }
  }
  id("progress").hidden = true
  working = false
}

function repaint() {
  statistics = null
  wanted = photo !== null && stream === null
  ready(false)
  id("shown").textContent = `${id("strength").value} %`
  id("credits").textContent = style().credits
  work()
}

function take(source, name) {
  const width = source.videoWidth ?? source.width
  const height = source.videoHeight ?? source.height
  photo = { source: draw(source, fitted(width, height, LARGEST)), name }
  draw(photo.source, fitted(width, height, Number(id("size").value)), canvas)
  canvas.setAttribute("aria-label", `${name}, not yet painted`)
  repaint()
}

// Only a painted picture can be saved.
function ready(painted) {
  canvas.dataset.state = painted ? "painted" : "photo"
  id("save").disabled = id("share").disabled = !painted
}

async function open(file) {
  if (!file) return
  latest = file
  say(`Reading ${file.name} ...`)
  let decoded
  try {
    decoded = await createImageBitmap(file)
  } catch {
    held = performance.now() + READING
    return say(`This browser cannot read ${file.name}: choose a JPEG or PNG file`)
  }
  // A large photo that was chosen earlier may be read later.
  if (file === latest) {
    stopCamera()
    take(decoded, file.name.replace(/\.[^.]*$/, ""))
  }
  decoded.close()
}

async function startCamera() {
  id("camera").disabled = true // until it has started: a second click would start another
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } })
    video.srcObject = stream
    await video.play()
  } catch (fault) {
    stopCamera()
    return say(`The camera cannot be used: ${fault.message}`)
  } finally {
    id("camera").disabled = false
  }
  id("camera").textContent = "Take picture"
  repaint()
}

function stopCamera() {
  for (const track of stream?.getTracks() ?? []) track.stop()
  stream = video.srcObject = null
  id("camera").textContent = "Camera"
}

function takePicture() {
  const still = draw(video, [video.videoWidth, video.videoHeight])
  stopCamera()
  take(still, "camera")
}

async function painting(type, suffix) {
  const blob = await new Promise(resolve => canvas.toBlob(resolve, type, 0.92))
  return new File([blob], `${photo.name}-${style().name}.${suffix}`, { type })
}

async function save() {
  const file = await painting("image/png", "png")
  const link = document.createElement("a")
  link.href = URL.createObjectURL(file)
  link.download = file.name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

async function share() {
  try {
    await navigator.share({ files: [await painting("image/jpeg", "jpg")] })
  } catch (fault) {
    if (fault.name !== "AbortError") say(`Sharing failed: ${fault.message}`)
  }
}

function canShare() {
  return navigator.canShare?.({ files: [new File([], "a.jpg", { type: "image/jpeg" })] }) ?? false
}

function listen() {
  id("file").addEventListener("change", event => open(event.target.files[0]))
  id("camera").addEventListener("click", () => (stream ? takePicture() : startCamera()))
  id("save").addEventListener("click", save)
  id("share").addEventListener("click", share)
  id("share").hidden = !canShare()
  for (const control of document.querySelectorAll("#strength, #size, input[name=style]")) {
    control.addEventListener("input", repaint)
  }
  addEventListener("dragover", event => event.preventDefault())
  addEventListener("drop", event => {
    event.preventDefault()
    open(event.dataTransfer.files[0])
  })
}

function hear({ data }) {
  if (data.told) id("runtime").textContent = `Painted by ${data.told}.`
  if (data.pixels) answer.resolve(data)
  if (data.fault) answer?.reject(new Error(data.fault))
}

// Whether the page is loading again, now through the service worker: for threads, and to work offline.
async function loadsAgain() {
  const again = "impasto loaded again"
  if (!navigator.serviceWorker) return false
  try {
    await navigator.serviceWorker.register("service.js")
  } catch {
    return false // a private window: it paints all the same
  }
  await Promise.race([navigator.serviceWorker.ready, new Promise(late => setTimeout(late, PATIENCE))])
  if (crossOriginIsolated || sessionStorage.getItem(again)) return false
  sessionStorage.setItem(again, "yes")
  location.reload()
  return true
}

async function start() {
  if (location.protocol === "file:") {
    return say("Open this folder through a web server: python -m http.server -d FOLDER")
  }
  if (await loadsAgain()) return
  worker = new Worker(`worker.js${location.search}`, { type: "module" })
  worker.addEventListener("message", hear)
  worker.addEventListener("error", () => say("This browser cannot paint here: update it, or try another"))
  listen()
  const response = await fetch("sample.jpg")
  if (photo === null && stream === null) take(await createImageBitmap(await response.blob()), "sample")
}

start()
