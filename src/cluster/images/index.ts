export { type ImageOptions, digest, fullImageName, makeImage, makeImages } from './make-image.ts'
export { baseFiles, busyboxFiles, imageArchitecture, makeBusyboxImage, makePauseImage, pauseImageName } from './busybox.ts'
export { loadImage } from './load-image.ts'
export { type TarEntry, writeTar } from './tar.ts'
