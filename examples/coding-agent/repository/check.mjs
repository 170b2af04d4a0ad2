import { total } from './price.mjs';

const sum = total([1, 2, 3]);
if (sum !== 6) throw new Error(`the total of 1, 2 and 3 is ${sum}`);
console.log('all is well');
