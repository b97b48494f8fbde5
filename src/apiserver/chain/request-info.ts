/** The parser lives with the API's shapes, because the in-process client names its requests with it too. */
export { isLongRunning, parseRequestInfo, RequestInfoError, splitPath } from '../../api/meta/request-info.ts'
