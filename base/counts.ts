// Numbers as JSON Schemas tell them apart; to TypeScript they are all numbers.

/**
 * 0, 1, 2, …
 * @asType integer
 * @minimum 0
 * @maximum 9007199254740991
 */
export type Count = number;

/**
 * A whole number.
 * @asType integer
 */
export type Integer = number;

/**
 * 1, 2, 3, …
 * @asType integer
 * @minimum 1
 * @maximum 9007199254740991
 */
export type PositiveCount = number;
