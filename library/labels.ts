/** `LABELS`: what isol8's images are labelled with. */

import { type Labels, labels } from '../index.js';

/** Keys of the labels of isol8's images. */
export const LABELS: Readonly<Labels> = Object.freeze(labels());
