// Element types: of values, and of the tensors that checkpoints hold.

/** Element types. `bool` lives in registers and masks; in GPU memory it is a u32. */
export const DTYPES = ["f32", "f16", "i32", "u32", "bool"] as const;
/** An element type. */
export type DType = (typeof DTYPES)[number];

/** Bytes of an element in a GPU buffer. bool takes four: WGSL has no smaller type that a buffer may hold. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = { f32: 4, f16: 2, i32: 4, u32: 4, bool: 4 };

/** Bytes per element of every dtype of the safetensors format whose elements are whole bytes. */
export const ITEM_SIZE = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;
/** How a checkpoint stores an element. */
export type StoredDType = keyof typeof ITEM_SIZE;
/** Whether a word is one. */
export const isStoredDType = (name: string): name is StoredDType => Object.hasOwn(ITEM_SIZE, name);
