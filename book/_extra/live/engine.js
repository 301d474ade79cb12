// DESOM in plain JavaScript: the equations of desom/som.py, autoencoder.py and desom.py with their
// gradients, Adam, and what measures a map. It knows no page: numbers go in, numbers come out.
//
// Arrays are flat, row after row: x[p * width + i] is number i of point p.

const DesomEngine = (() => {
  "use strict";

  // Chance

  // Random numbers from 0 to 1, the same for the same seed (Marsaglia's xorshift of 32 bits).
  function randomNumbers(seed) {
    let state = Math.imul(seed + 1, 0x9e3779b1) || 1;
    return () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) / 2 ** 32;
    };
  }

  function permutation(n, random) {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  // Indices of full batches, cut from random permutations in a row.
  function* shuffledBatches(n, size, random) {
    const pending = [];
    while (true) {
      while (pending.length < size) pending.push(...permutation(n, random));
      yield pending.splice(0, size);
    }
  }

  // Give some rows of an array as an array of their own.
  function rows(x, width, indices) {
    const chosen = new Float64Array(indices.length * width);
    indices.forEach((p, n) => chosen.set(x.subarray(p * width, (p + 1) * width), n * width));
    return chosen;
  }

  // What is trained

  // Numbers that Adam moves, with the slopes of the loss and Adam's two averages of them.
  function parameter(values) {
    const [slopes, mean, square] = [0, 0, 0].map(() => new Float64Array(values.length));
    return { values: Float64Array.from(values), slopes, mean, square };
  }

  // Step t, from 1, of Adam as Keras takes it.
  function adam(parameters, t, rate = 0.001) {
    const step = (rate * Math.sqrt(1 - 0.999 ** t)) / (1 - 0.9 ** t);
    for (const { values, slopes, mean, square } of parameters) {
      for (let i = 0; i < values.length; i++) {
        mean[i] += 0.1 * (slopes[i] - mean[i]);
        square[i] += 0.001 * (slopes[i] * slopes[i] - square[i]);
        values[i] -= (step * mean[i]) / (Math.sqrt(square[i]) + 1e-7);
      }
    }
  }

  // The autoencoder

  // Dense layers of these widths, ReLU between them, drawn as Glorot and Bengio do.
  function createNetwork(widths, random) {
    return widths.slice(1).map((outputs, l) => {
      const limit = Math.sqrt(6 / (widths[l] + outputs));
      const draw = () => limit * (2 * random() - 1);
      const kernel = Array.from({ length: widths[l] * outputs }, draw);
      return { kernel: parameter(kernel), bias: parameter(new Float64Array(outputs)) };
    });
  }

  // y = x W + b; the zeros, of which ReLU leaves many, take no time.
  function dense({ kernel: { values: w }, bias: { values: b } }, x) {
    const [inputs, outputs] = [w.length / b.length, b.length];
    const y = new Float64Array((x.length / inputs) * outputs);
    for (let p = 0; p < x.length / inputs; p++) {
      const start = p * outputs;
      y.set(b, start);
      for (let i = 0; i < inputs; i++) {
        const value = x[p * inputs + i];
        if (value === 0) continue;
        for (let j = 0, k = i * outputs; j < outputs; j++, k++) y[start + j] += value * w[k];
      }
    }
    return y;
  }

  // From the slopes by y to those by W and b, which stay with the layer, and by x. Where x comes
  // from a ReLU, a zero passes no slope on.
  function denseSlopes({ kernel, bias }, x, slopes, isReLU) {
    const [w, b, ws] = [kernel.values, bias.slopes.fill(0), kernel.slopes.fill(0)];
    const [inputs, outputs] = [w.length / b.length, b.length];
    const back = new Float64Array(x.length);
    for (let p = 0; p < x.length / inputs; p++) {
      const start = p * outputs;
      for (let j = 0; j < outputs; j++) b[j] += slopes[start + j];
      for (let i = 0; i < inputs; i++) {
        const value = x[p * inputs + i];
        if (isReLU && value === 0) continue;
        let sum = 0;
        for (let j = 0, k = i * outputs; j < outputs; j++, k++) {
          ws[k] += value * slopes[start + j];
          sum += w[k] * slopes[start + j];
        }
        back[p * inputs + i] = sum;
      }
    }
    return back;
  }

  // Give x and what every layer makes of it; the last has no ReLU.
  function forward(network, x) {
    const values = [x];
    network.forEach((layer, l) => {
      const y = dense(layer, values[l]);
      if (l < network.length - 1) for (let i = 0; i < y.length; i++) if (y[i] < 0) y[i] = 0;
      values.push(y);
    });
    return values;
  }

  function backward(network, values, slopes) {
    return network.reduceRight((s, layer, l) => denseSlopes(layer, values[l], s, l > 0), slopes);
  }

  function apply(network, x) {
    return forward(network, x).at(-1);
  }

  // L_r = 1/N sum_i 1/D ‖x̃_i - x_i‖², and its slopes by x̃.
  function reconstructionLoss(x, reconstruction) {
    const slopes = reconstruction.map((value, i) => value - x[i]);
    const loss = slopes.reduce((sum, error) => sum + error * error, 0) / x.length;
    return { loss, slopes: slopes.map((error) => (2 * error) / x.length) };
  }

  // The map

  // Steps between units that are so many rows and columns apart.
  const TOPOLOGIES = {
    rectangular: (rows, columns) => Math.abs(rows) + Math.abs(columns),
    rectangular8: (rows, columns) => Math.max(Math.abs(rows), Math.abs(columns)),
    hexagonal: (rows, columns) =>
      Math.max(Math.abs(rows), Math.abs(columns), Math.abs(rows + columns)),
  };

  // Steps between every two units, (K, K); the rows of a hexagonal map slant.
  function gridDistances([height, width], topology) {
    const place = (unit) => {
      const row = Math.floor(unit / width);
      return [row, (unit % width) - (topology === "hexagonal" ? row >> 1 : 0)];
    };
    const units = height * width;
    return Uint8Array.from({ length: units * units }, (_, n) => {
      const [[r, c], [s, d]] = [place(Math.floor(n / units)), place(n % units)];
      return TOPOLOGIES[topology](r - s, c - d);
    });
  }

  function createMap(size, topology, prototypes) {
    const distances = gridDistances(size, topology);
    return { units: size[0] * size[1], distances, prototypes: parameter(prototypes) };
  }

  // T = T_max (T_min / T_max)^(iteration / iterations), the iteration being counted from 1.
  function temperature(iteration, { iterations, tMax, tMin }) {
    return tMax * (tMin / tMax) ** (iteration / iterations);
  }

  // K^T(d) = exp(-d² / T²).
  function neighborhood(steps, T) {
    return Math.exp(-((steps / T) ** 2));
  }

  // ‖z_p - m_k‖² from point p to every prototype, written into `squared`.
  function squaredDistances(z, p, { values: m }, squared) {
    const width = m.length / squared.length;
    for (let k = 0; k < squared.length; k++) {
      squared[k] = 0;
      for (let i = 0; i < width; i++) squared[k] += (z[p * width + i] - m[k * width + i]) ** 2;
    }
  }

  function nearest(squared) {
    let best = 0;
    for (let k = 1; k < squared.length; k++) if (squared[k] < squared[best]) best = k;
    return best;
  }

  // gamma L_som, L_som = 1/N sum_i sum_k K^T(delta(chi(i), k)) ‖z_i - m_k‖²: gives L_som and the
  // slopes of the product by z; those by the prototypes stay with them.
  function somLoss({ units, distances, prototypes }, z, T, gamma = 1) {
    const [m, ms] = [prototypes.values, prototypes.slopes.fill(0)];
    const width = m.length / units;
    const n = z.length / width;
    const weights = Float64Array.from({ length: units }, (_, steps) => neighborhood(steps, T));
    const squared = new Float64Array(units);
    const slopes = new Float64Array(z.length);
    let loss = 0;
    for (let p = 0; p < n; p++) {
      squaredDistances(z, p, prototypes, squared);
      const start = nearest(squared) * units;
      for (let k = 0; k < units; k++) {
        const weight = weights[distances[start + k]] / n;
        loss += weight * squared[k];
        for (let i = 0; i < width; i++) {
          const slope = 2 * gamma * weight * (z[p * width + i] - m[k * width + i]);
          slopes[p * width + i] += slope;
          ms[k * width + i] -= slope;
        }
      }
    }
    return { loss, slopes };
  }

  // The method

  // A DESOM of random weights, its prototypes the codes of random points of x.
  function createModel(x, widths, size, topology, random) {
    const encoder = createNetwork(widths, random);
    const decoder = createNetwork(widths.toReversed(), random);
    const chosen = permutation(x.length / widths[0], random).slice(0, size[0] * size[1]);
    const prototypes = apply(encoder, rows(x, widths[0], chosen));
    return { encoder, decoder, map: createMap(size, topology, prototypes), iteration: 0 };
  }

  // One step of Algorithm 1 on a batch x; gives T and the losses before it.
  function step(model, x, settings) {
    const { encoder, decoder, map } = model;
    const T = temperature(++model.iteration, settings);
    const coded = forward(encoder, x);
    const decoded = forward(decoder, coded.at(-1));
    const reconstruction = reconstructionLoss(x, decoded.at(-1));
    const som = somLoss(map, coded.at(-1), T, settings.gamma);
    const slopes = backward(decoder, decoded, reconstruction.slopes);
    backward(encoder, coded, slopes.map((slope, i) => slope + som.slopes[i]));
    const layers = [...encoder, ...decoder].flatMap(({ kernel, bias }) => [kernel, bias]);
    adam([...layers, map.prototypes], model.iteration);
    return {
      temperature: T,
      loss: reconstruction.loss + settings.gamma * som.loss,
      reconstructionLoss: reconstruction.loss,
      somLoss: som.loss,
    };
  }

  // What measures it

  // Best-matching units, quantization error and topographic error of points z.
  function mapScores({ units, distances, prototypes }, z) {
    const n = (z.length * units) / prototypes.values.length;
    const squared = new Float64Array(units);
    let [total, torn] = [0, 0];
    const bmus = Uint16Array.from({ length: n }, (_, p) => {
      squaredDistances(z, p, prototypes, squared);
      const bmu = nearest(squared);
      total += Math.sqrt(squared[bmu]);
      squared[bmu] = Infinity;
      torn += distances[bmu * units + nearest(squared)] > 1;
      return bmu;
    });
    return { bmus, quantizationError: total / n, topographicError: torn / n };
  }

  // How many points of each class every unit has, (K, C) as an array of rows.
  function classCounts(bmus, units, labels, classes) {
    const counts = Array.from({ length: units }, () => new Array(classes).fill(0));
    bmus.forEach((unit, p) => counts[unit][labels[p]]++);
    return counts;
  }

  const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);

  // Share of the points that belong to the majority of their unit.
  function purity(counts) {
    return sum(counts.map((row) => Math.max(...row))) / sum(counts.map(sum));
  }

  // Mutual information of units and classes over the geometric mean of their entropies.
  function nmi(counts) {
    const byUnit = counts.map(sum);
    const byClass = counts[0].map((_, c) => sum(counts.map((row) => row[c])));
    const n = sum(byUnit);
    const entropy = (parts) => -sum(parts.map((part) => part && (part / n) * Math.log(part / n)));
    const [h, g] = [entropy(byUnit), entropy(byClass)];
    return h * g > 0 ? (h + g - entropy(counts.flat())) / Math.sqrt(h * g) : 0;
  }

  return {
    randomNumbers, shuffledBatches, rows, parameter, adam, apply, createMap, temperature, somLoss,
    createModel, step, mapScores, classCounts, purity, nmi,
  };
})();
