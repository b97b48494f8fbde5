import { expect, it } from 'vitest'
import { namedImages } from './names.ts'

it('takes the images of the registry that has pause, with any folders and several tags', () => {
  const listing = 'r.example/b/busybox:1.37-1\nother.example/b/agnhost:2.6\nr.example/pause:3.10\ninvalid.r.example/invalid/alpine:3.1\n\nr.example/b/agnhost:2\nr.example/b/agnhost:1\n'
  expect(namedImages(listing)).toEqual([
    { recipe: 'agnhost', reference: 'r.example/b/agnhost:1' }, { recipe: 'agnhost', reference: 'r.example/b/agnhost:2' },
    { recipe: 'busybox', reference: 'r.example/b/busybox:1.37-1' }, { recipe: 'pause', reference: 'r.example/pause:3.10' },
  ])
})

it('says so when the listing is not one', () => expect(() => namedImages('flag provided but not defined')).toThrow('no pause image'))
