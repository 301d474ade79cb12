// The trained model in the browser: unpack its numbers, apply encoder, decoder and map.
//
// The numbers come as a script, since a page opened from disk may not fetch a file. A kernel is
// stored as whole numbers from -127 to 127; each of its rows has a scale.

const ExploreModel = (() => {
  "use strict";

  const TYPES = {
    float32: Float32Array,
    int32: Int32Array,
    int8: Int8Array,
    uint16: Uint16Array,
    uint8: Uint8Array,
  };

  // Give the arrays of a data file: {name: {values, shape}}.
  async function unpack(data) {
    const packed = Uint8Array.from(atob(data.bytes), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const raw = await new Response(stream).arrayBuffer();
    const arrays = {};
    let start = 0;
    for (const [name, type, shape] of data.arrays) {
      const size = shape.reduce((product, n) => product * n, 1) * TYPES[type].BYTES_PER_ELEMENT;
      arrays[name] = { values: new TYPES[type](raw.slice(start, start + size)), shape };
      start += size;
    }
    return arrays;
  }

  // One layer: y = bias + sum over inputs of x * scale * row of the kernel.
  function dense(x, kernel, scales, bias) {
    const y = Float32Array.from(bias);
    const width = y.length;
    for (let i = 0; i < x.length; i++) {
      const factor = x[i] * scales[i];
      if (factor === 0) continue;
      for (let j = 0, k = i * width; j < width; j++, k++) y[j] += factor * kernel[k];
    }
    return y;
  }

  // A network of dense layers, ReLU between them; it looks at some of its inputs only.
  function apply(arrays, name, input) {
    let x = Array.from(arrays[`${name}_inputs`].values, (i) => input[i]);
    for (let n = 0; `${name}_kernel_${n}` in arrays; n++) {
      if (n > 0) x = x.map((value) => Math.max(value, 0));
      const [kernel, scales, bias] = ["kernel", "scales", "bias"].map(
        (part) => arrays[`${name}_${part}_${n}`].values,
      );
      x = dense(x, kernel, scales, bias);
    }
    return x;
  }

  // Give row k of an array of two dimensions.
  function row(array, k) {
    const width = array.shape[1];
    return array.values.subarray(k * width, (k + 1) * width);
  }

  // Distances of a code to all prototypes.
  function distances(arrays, code) {
    return Array.from({ length: arrays.prototypes.shape[0] }, (_, k) =>
      Math.hypot(...row(arrays.prototypes, k).map((m, i) => m - code[i])),
    );
  }

  // All that the page shows of an image, 784 values from 0 to 1, and of a code.
  function look(arrays, image, code = apply(arrays, "encoder", image)) {
    const toUnits = distances(arrays, code);
    const bmu = toUnits.indexOf(Math.min(...toUnits));
    return { image, code, distances: toUnits, bmu, reconstruction: apply(arrays, "decoder", code) };
  }

  return { unpack, row, look };
})();
