/** Label and field selectors in one place to import from. */
export * from './label-selector.ts'
export { parseLabelSelector } from './label-selector-parse.ts'
export * from './field-selector.ts'
