/*
 * What a call answers: what is needed to go on, or below zero what is wrong, in the order in which the host has texts for it.
 */
export const needsInput: i32 = 0
export const isFull: i32 = 1
export const isDone: i32 = 2
/** Within the program alone. */
export const goesOn: i32 = 3

export const blockType: i32 = -1
export const storedLength: i32 = -2
export const tooManySymbols: i32 = -3
export const codeOfLengths: i32 = -4
export const repeat: i32 = -5
export const noEndOfBlock: i32 = -6
export const codeOfSymbols: i32 = -7
export const codeOfDistances: i32 = -8
export const symbol: i32 = -9
export const distance: i32 = -10
export const tooFarBack: i32 = -11
