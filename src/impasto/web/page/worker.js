// Paints in the background: pixels and weights of the styles in, painted pixels out.

const BINARIES = {
  wasm: ["./ort.wasm.bundle.min.js", "./ort-wasm-simd-threaded.wasm.gzip"],
  webgpu: ["./ort.webgpu.bundle.min.js", "./ort-wasm-simd-threaded.asyncify.wasm.gzip"],
}
const MOST_THREADS = 4
const asked = new URL(self.location.href).searchParams.get("runtime") // "wasm" or "webgpu"; else the better one
const opened = open()
opened.then(({ told }) => self.postMessage({ told }), fault => self.postMessage({ fault: told(fault) }))

self.addEventListener("message", async ({ data }) => {
  try {
    const painted = await paint(await opened, data)
    self.postMessage(painted, [painted.pixels.data.buffer])
  } catch (fault) {
    self.postMessage({ fault: told(fault) })
  }
})

function told(fault) {
  return String(fault?.message ?? fault).split("\n")[0]
}

// A software adapter is slower than WASM.
async function hasWebGpu() {
  const adapter = await navigator.gpu?.requestAdapter()
  return Boolean(adapter) && (asked === "webgpu" || !adapter.info?.isFallbackAdapter)
}

async function open() {
  if (asked === "wasm" || !(await hasWebGpu())) return start("wasm")
  try {
    return await start("webgpu")
  } catch (fault) {
    const other = await start("wasm")
    return { ...other, told: `${other.told} (WebGPU failed: ${told(fault)})` }
  }
}

async function start(kind) {
  const [script, binary] = BINARIES[kind]
  const [ort, packed, network] = await Promise.all([import(script), got(binary), got("./network.onnx")])
  const whole = packed.body.pipeThrough(new DecompressionStream("gzip"))
  const threads = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1
  ort.env.wasm.wasmBinary = await new Response(whole).arrayBuffer()
  ort.env.wasm.numThreads = threads
  const session = await ort.InferenceSession.create(await network.arrayBuffer(), {
    executionProviders: [kind],
    // On the processor, optimizing takes longer than it saves: the first picture is there sooner.
    graphOptimizationLevel: kind === "wasm" ? "disabled" : "all",
    logSeverityLevel: 3, // errors
  })
  const wasm = `WASM, ${threads} thread${threads > 1 ? "s" : ""}`
  return { ort, session, told: kind === "webgpu" ? "WebGPU" : wasm }
}

async function got(file) {
  const response = await fetch(file)
  if (!response.ok) throw new Error(`${file} is missing on the server`)
  return response
}

// `statistics` are those of an earlier frame, or null to use the picture's own.
async function paint({ ort, session }, { pixels, weights, channels, statistics }) {
  const { width, height } = pixels
  const float = (values, shape) => new ort.Tensor("float32", values, shape)
  const { painted, found } = await session.run({
    photo: float(planes(pixels.data), [1, 3, height, width]),
    weights: float(weights, [1, weights.length]),
    statistics: float(statistics ?? new Float32Array(2 * channels), [2, channels]),
    given: float(Float32Array.of(statistics ? 1 : 0), [1]),
  })
  return { pixels: new ImageData(interleaved(painted.data), width, height), statistics: found.data }
}

// From bytes RGBA to one plane a color, 0 to 1.
function planes(bytes) {
  const count = bytes.length / 4
  const values = new Float32Array(3 * count)
  for (let color = 0; color < 3; color++) {
    for (let at = 0; at < count; at++) values[color * count + at] = bytes[4 * at + color] / 255
  }
  return values
}

function interleaved(values) {
  const count = values.length / 3
  const bytes = new Uint8ClampedArray(4 * count).fill(255)
  for (let color = 0; color < 3; color++) {
    for (let at = 0; at < count; at++) bytes[4 * at + color] = 255 * values[color * count + at]
  }
  return bytes
}
