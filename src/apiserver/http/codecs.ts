/** Bodies as text: JSON and YAML, with what strict decoding finds amiss. */
import { decodeJson as parseJson } from '../../api/codec/json.ts'
import { decodeYaml as parseYaml, encodeYaml } from '../../api/codec/yaml.ts'

export { encodeYaml }
