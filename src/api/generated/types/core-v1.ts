import type { ListMeta, ObjectMeta, OwnerReference } from '../../meta/object.ts'
import type { Condition, LabelSelector } from './meta-v1.ts'

export type AWSElasticBlockStoreVolumeSource = {
  fsType?: string
  partition?: number
  readOnly?: boolean
  volumeID: string
}

export type Affinity = {
  nodeAffinity?: NodeAffinity
  podAffinity?: PodAffinity
  podAntiAffinity?: PodAntiAffinity
}

export type AppArmorProfile = {
  localhostProfile?: string
  type: string
}

export type AttachedVolume = {
  devicePath: string
  name: string
}

export type AzureDiskVolumeSource = {
  cachingMode?: string
  diskName: string
  diskURI: string
  fsType?: string
  kind?: string
  readOnly?: boolean
}

export type AzureFilePersistentVolumeSource = {
  readOnly?: boolean
  secretName: string
  secretNamespace?: string
  shareName: string
}

export type AzureFileVolumeSource = {
  readOnly?: boolean
  secretName: string
  shareName: string
}

export type Binding = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  target: ObjectReference
}

export type CSIPersistentVolumeSource = {
  controllerExpandSecretRef?: SecretReference
  controllerPublishSecretRef?: SecretReference
  driver: string
  fsType?: string
  nodeExpandSecretRef?: SecretReference
  nodePublishSecretRef?: SecretReference
  nodeStageSecretRef?: SecretReference
  readOnly?: boolean
  volumeAttributes?: Record<string, string>
  volumeHandle: string
}

export type CSIVolumeSource = {
  driver: string
  fsType?: string
  nodePublishSecretRef?: LocalObjectReference
  readOnly?: boolean
  volumeAttributes?: Record<string, string>
}

export type Capabilities = {
  add?: string[]
  drop?: string[]
}

export type CephFSPersistentVolumeSource = {
  monitors: string[]
  path?: string
  readOnly?: boolean
  secretFile?: string
  secretRef?: SecretReference
  user?: string
}

export type CephFSVolumeSource = {
  monitors: string[]
  path?: string
  readOnly?: boolean
  secretFile?: string
  secretRef?: LocalObjectReference
  user?: string
}

export type CinderPersistentVolumeSource = {
  fsType?: string
  readOnly?: boolean
  secretRef?: SecretReference
  volumeID: string
}

export type CinderVolumeSource = {
  fsType?: string
  readOnly?: boolean
  secretRef?: LocalObjectReference
  volumeID: string
}

export type ClientIPConfig = {
  timeoutSeconds?: number
}

export type ClusterTrustBundleProjection = {
  labelSelector?: LabelSelector
  name?: string
  optional?: boolean
  path: string
  signerName?: string
}

export type ComponentCondition = {
  error?: string
  message?: string
  status: string
  type: string
}

export type ComponentStatus = {
  apiVersion?: string
  conditions?: ComponentCondition[]
  kind?: string
  metadata: ObjectMeta
}

export type ComponentStatusList = {
  apiVersion?: string
  items: ComponentStatus[]
  kind?: string
  metadata: ListMeta
}

export type ConfigMap = {
  apiVersion?: string
  binaryData?: Record<string, string>
  data?: Record<string, string>
  immutable?: boolean
  kind?: string
  metadata: ObjectMeta
}

export type ConfigMapEnvSource = {
  name?: string
  optional?: boolean
}

export type ConfigMapKeySelector = {
  key: string
  name?: string
  optional?: boolean
}

export type ConfigMapList = {
  apiVersion?: string
  items: ConfigMap[]
  kind?: string
  metadata: ListMeta
}

export type ConfigMapNodeConfigSource = {
  kubeletConfigKey: string
  name: string
  namespace: string
  resourceVersion?: string
  uid?: string
}

export type ConfigMapProjection = {
  items?: KeyToPath[]
  name?: string
  optional?: boolean
}

export type ConfigMapVolumeSource = {
  defaultMode?: number
  items?: KeyToPath[]
  name?: string
  optional?: boolean
}

export type Container = {
  args?: string[]
  command?: string[]
  env?: EnvVar[]
  envFrom?: EnvFromSource[]
  image?: string
  imagePullPolicy?: string
  lifecycle?: Lifecycle
  livenessProbe?: Probe
  name: string
  ports?: ContainerPort[]
  readinessProbe?: Probe
  resizePolicy?: ContainerResizePolicy[]
  resources?: ResourceRequirements
  restartPolicy?: string
  restartPolicyRules?: ContainerRestartRule[]
  securityContext?: SecurityContext
  startupProbe?: Probe
  stdin?: boolean
  stdinOnce?: boolean
  terminationMessagePath?: string
  terminationMessagePolicy?: string
  tty?: boolean
  volumeDevices?: VolumeDevice[]
  volumeMounts?: VolumeMount[]
  workingDir?: string
}

export type ContainerExtendedResourceRequest = {
  containerName: string
  requestName: string
  resourceName: string
}

export type ContainerImage = {
  names?: string[]
  sizeBytes?: number
}

export type ContainerPort = {
  containerPort: number
  hostIP?: string
  hostPort?: number
  name?: string
  protocol?: string
}

export type ContainerResizePolicy = {
  resourceName: string
  restartPolicy: string
}

export type ContainerRestartRule = {
  action: string
  exitCodes?: ContainerRestartRuleOnExitCodes
}

export type ContainerRestartRuleOnExitCodes = {
  operator: string
  values?: number[]
}

export type ContainerState = {
  running?: ContainerStateRunning
  terminated?: ContainerStateTerminated
  waiting?: ContainerStateWaiting
}

export type ContainerStateRunning = {
  startedAt?: string
}

export type ContainerStateTerminated = {
  containerID?: string
  exitCode: number
  finishedAt?: string
  message?: string
  reason?: string
  signal?: number
  startedAt?: string
}

export type ContainerStateWaiting = {
  message?: string
  reason?: string
}

export type ContainerStatus = {
  allocatedResources?: Record<string, string>
  allocatedResourcesStatus?: ResourceStatus[]
  containerID?: string
  image: string
  imageID: string
  lastState?: ContainerState
  name: string
  ready: boolean
  resources?: ResourceRequirements
  restartCount: number
  started?: boolean
  state?: ContainerState
  stopSignal?: string
  user?: ContainerUser
  volumeMounts?: VolumeMountStatus[]
}

export type ContainerUser = {
  linux?: LinuxContainerUser
}

export type DaemonEndpoint = {
  Port: number
}

export type DownwardAPIProjection = {
  items?: DownwardAPIVolumeFile[]
}

export type DownwardAPIVolumeFile = {
  fieldRef?: ObjectFieldSelector
  mode?: number
  path: string
  resourceFieldRef?: ResourceFieldSelector
}

export type DownwardAPIVolumeSource = {
  defaultMode?: number
  items?: DownwardAPIVolumeFile[]
}

export type EmptyDirVolumeSource = {
  medium?: string
  sizeLimit?: string
}

export type EndpointAddress = {
  hostname?: string
  ip: string
  nodeName?: string
  targetRef?: ObjectReference
}

export type EndpointPort = {
  appProtocol?: string
  name?: string
  port: number
  protocol?: string
}

export type EndpointSubset = {
  addresses?: EndpointAddress[]
  notReadyAddresses?: EndpointAddress[]
  ports?: EndpointPort[]
}

export type Endpoints = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  subsets?: EndpointSubset[]
}

export type EndpointsList = {
  apiVersion?: string
  items: Endpoints[]
  kind?: string
  metadata: ListMeta
}

export type EnvFromSource = {
  configMapRef?: ConfigMapEnvSource
  prefix?: string
  secretRef?: SecretEnvSource
}

export type EnvVar = {
  name: string
  value?: string
  valueFrom?: EnvVarSource
}

export type EnvVarSource = {
  configMapKeyRef?: ConfigMapKeySelector
  fieldRef?: ObjectFieldSelector
  fileKeyRef?: FileKeySelector
  resourceFieldRef?: ResourceFieldSelector
  secretKeyRef?: SecretKeySelector
}

export type EphemeralContainer = {
  args?: string[]
  command?: string[]
  env?: EnvVar[]
  envFrom?: EnvFromSource[]
  image?: string
  imagePullPolicy?: string
  lifecycle?: Lifecycle
  livenessProbe?: Probe
  name: string
  ports?: ContainerPort[]
  readinessProbe?: Probe
  resizePolicy?: ContainerResizePolicy[]
  resources?: ResourceRequirements
  restartPolicy?: string
  restartPolicyRules?: ContainerRestartRule[]
  securityContext?: SecurityContext
  startupProbe?: Probe
  stdin?: boolean
  stdinOnce?: boolean
  targetContainerName?: string
  terminationMessagePath?: string
  terminationMessagePolicy?: string
  tty?: boolean
  volumeDevices?: VolumeDevice[]
  volumeMounts?: VolumeMount[]
  workingDir?: string
}

export type EphemeralVolumeSource = {
  volumeClaimTemplate?: PersistentVolumeClaimTemplate
}

export type Event = {
  action?: string
  apiVersion?: string
  count?: number
  eventTime?: string
  firstTimestamp?: string
  involvedObject: ObjectReference
  kind?: string
  lastTimestamp?: string
  message?: string
  metadata: ObjectMeta
  reason?: string
  related?: ObjectReference
  reportingComponent?: string
  reportingInstance?: string
  series?: EventSeries
  source?: EventSource
  type?: string
}

export type EventList = {
  apiVersion?: string
  items: Event[]
  kind?: string
  metadata: ListMeta
}

export type EventSeries = {
  count?: number
  lastObservedTime?: string
}

export type EventSource = {
  component?: string
  host?: string
}

export type ExecAction = {
  command?: string[]
}

export type FCVolumeSource = {
  fsType?: string
  lun?: number
  readOnly?: boolean
  targetWWNs?: string[]
  wwids?: string[]
}

export type FileKeySelector = {
  key: string
  optional?: boolean
  path: string
  volumeName: string
}

export type FlexPersistentVolumeSource = {
  driver: string
  fsType?: string
  options?: Record<string, string>
  readOnly?: boolean
  secretRef?: SecretReference
}

export type FlexVolumeSource = {
  driver: string
  fsType?: string
  options?: Record<string, string>
  readOnly?: boolean
  secretRef?: LocalObjectReference
}

export type FlockerVolumeSource = {
  datasetName?: string
  datasetUUID?: string
}

export type GCEPersistentDiskVolumeSource = {
  fsType?: string
  partition?: number
  pdName: string
  readOnly?: boolean
}

export type GRPCAction = {
  port: number
  service?: string
}

export type GitRepoVolumeSource = {
  directory?: string
  repository: string
  revision?: string
}

export type GlusterfsPersistentVolumeSource = {
  endpoints: string
  endpointsNamespace?: string
  path: string
  readOnly?: boolean
}

export type GlusterfsVolumeSource = {
  endpoints: string
  path: string
  readOnly?: boolean
}

export type HTTPGetAction = {
  host?: string
  httpHeaders?: HTTPHeader[]
  path?: string
  port: number | string
  scheme?: string
}

export type HTTPHeader = {
  name: string
  value: string
}

export type HostAlias = {
  hostnames?: string[]
  ip: string
}

export type HostIP = {
  ip: string
}

export type HostPathVolumeSource = {
  path: string
  type?: string
}

export type ISCSIPersistentVolumeSource = {
  chapAuthDiscovery?: boolean
  chapAuthSession?: boolean
  fsType?: string
  initiatorName?: string
  iqn: string
  iscsiInterface?: string
  lun: number
  portals?: string[]
  readOnly?: boolean
  secretRef?: SecretReference
  targetPortal: string
}

export type ISCSIVolumeSource = {
  chapAuthDiscovery?: boolean
  chapAuthSession?: boolean
  fsType?: string
  initiatorName?: string
  iqn: string
  iscsiInterface?: string
  lun: number
  portals?: string[]
  readOnly?: boolean
  secretRef?: LocalObjectReference
  targetPortal: string
}

export type ImageVolumeSource = {
  pullPolicy?: string
  reference?: string
}

export type ImageVolumeStatus = {
  imageRef: string
}

export type KeyToPath = {
  key: string
  mode?: number
  path: string
}

export type Lifecycle = {
  postStart?: LifecycleHandler
  preStop?: LifecycleHandler
  stopSignal?: string
}

export type LifecycleHandler = {
  exec?: ExecAction
  httpGet?: HTTPGetAction
  sleep?: SleepAction
  tcpSocket?: TCPSocketAction
}

export type LimitRange = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: LimitRangeSpec
}

export type LimitRangeItem = {
  default?: Record<string, string>
  defaultRequest?: Record<string, string>
  max?: Record<string, string>
  maxLimitRequestRatio?: Record<string, string>
  min?: Record<string, string>
  type: string
}

export type LimitRangeList = {
  apiVersion?: string
  items: LimitRange[]
  kind?: string
  metadata: ListMeta
}

export type LimitRangeSpec = {
  limits: LimitRangeItem[]
}

export type LinuxContainerUser = {
  gid: number
  supplementalGroups?: number[]
  uid: number
}

export type LoadBalancerIngress = {
  hostname?: string
  ip?: string
  ipMode?: string
  ports?: PortStatus[]
}

export type LoadBalancerStatus = {
  ingress?: LoadBalancerIngress[]
}

export type LocalObjectReference = {
  name?: string
}

export type LocalVolumeSource = {
  fsType?: string
  path: string
}

export type ModifyVolumeStatus = {
  status: string
  targetVolumeAttributesClassName?: string
}

export type NFSVolumeSource = {
  path: string
  readOnly?: boolean
  server: string
}

export type Namespace = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: NamespaceSpec
  status?: NamespaceStatus
}

export type NamespaceCondition = {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export type NamespaceList = {
  apiVersion?: string
  items: Namespace[]
  kind?: string
  metadata: ListMeta
}

export type NamespaceSpec = {
  finalizers?: string[]
}

export type NamespaceStatus = {
  conditions?: NamespaceCondition[]
  phase?: string
}

export type Node = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: NodeSpec
  status?: NodeStatus
}

export type NodeAddress = {
  address: string
  type: string
}

export type NodeAffinity = {
  preferredDuringSchedulingIgnoredDuringExecution?: PreferredSchedulingTerm[]
  requiredDuringSchedulingIgnoredDuringExecution?: NodeSelector
}

export type NodeAllocatableResourceClaimStatus = {
  containers?: string[]
  resourceClaimName: string
  resources: Record<string, string>
}

export type NodeCondition = {
  lastHeartbeatTime?: string
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export type NodeConfigSource = {
  configMap?: ConfigMapNodeConfigSource
}

export type NodeConfigStatus = {
  active?: NodeConfigSource
  assigned?: NodeConfigSource
  error?: string
  lastKnownGood?: NodeConfigSource
}

export type NodeDaemonEndpoints = {
  kubeletEndpoint?: DaemonEndpoint
}

export type NodeFeatures = {
  supplementalGroupsPolicy?: boolean
}

export type NodeList = {
  apiVersion?: string
  items: Node[]
  kind?: string
  metadata: ListMeta
}

export type NodeRuntimeHandler = {
  features?: NodeRuntimeHandlerFeatures
  name?: string
}

export type NodeRuntimeHandlerFeatures = {
  recursiveReadOnlyMounts?: boolean
  userNamespaces?: boolean
}

export type NodeSelector = {
  nodeSelectorTerms: NodeSelectorTerm[]
}

export type NodeSelectorRequirement = {
  key: string
  operator: string
  values?: string[]
}

export type NodeSelectorTerm = {
  matchExpressions?: NodeSelectorRequirement[]
  matchFields?: NodeSelectorRequirement[]
}

export type NodeSpec = {
  configSource?: NodeConfigSource
  externalID?: string
  podCIDR?: string
  podCIDRs?: string[]
  providerID?: string
  taints?: Taint[]
  unschedulable?: boolean
}

export type NodeStatus = {
  addresses?: NodeAddress[]
  allocatable?: Record<string, string>
  capacity?: Record<string, string>
  conditions?: NodeCondition[]
  config?: NodeConfigStatus
  daemonEndpoints?: NodeDaemonEndpoints
  declaredFeatures?: string[]
  features?: NodeFeatures
  images?: ContainerImage[]
  nodeInfo?: NodeSystemInfo
  phase?: string
  runtimeHandlers?: NodeRuntimeHandler[]
  volumesAttached?: AttachedVolume[]
  volumesInUse?: string[]
}

export type NodeSwapStatus = {
  capacity?: number
}

export type NodeSystemInfo = {
  architecture: string
  bootID: string
  containerRuntimeVersion: string
  kernelVersion: string
  kubeProxyVersion: string
  kubeletVersion: string
  machineID: string
  operatingSystem: string
  osImage: string
  swap?: NodeSwapStatus
  systemUUID: string
}

export type ObjectFieldSelector = {
  apiVersion?: string
  fieldPath: string
}

export type ObjectReference = {
  apiVersion?: string
  fieldPath?: string
  kind?: string
  name?: string
  namespace?: string
  resourceVersion?: string
  uid?: string
}

export type PersistentVolume = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: PersistentVolumeSpec
  status?: PersistentVolumeStatus
}

export type PersistentVolumeClaim = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: PersistentVolumeClaimSpec
  status?: PersistentVolumeClaimStatus
}

export type PersistentVolumeClaimCondition = {
  lastProbeTime?: string
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export type PersistentVolumeClaimList = {
  apiVersion?: string
  items: PersistentVolumeClaim[]
  kind?: string
  metadata: ListMeta
}

export type PersistentVolumeClaimSpec = {
  accessModes?: string[]
  dataSource?: TypedLocalObjectReference
  dataSourceRef?: TypedObjectReference
  resources?: VolumeResourceRequirements
  selector?: LabelSelector
  storageClassName?: string
  volumeAttributesClassName?: string
  volumeMode?: string
  volumeName?: string
}

export type PersistentVolumeClaimStatus = {
  accessModes?: string[]
  allocatedResourceStatuses?: Record<string, string>
  allocatedResources?: Record<string, string>
  capacity?: Record<string, string>
  conditions?: PersistentVolumeClaimCondition[]
  currentVolumeAttributesClassName?: string
  modifyVolumeStatus?: ModifyVolumeStatus
  phase?: string
}

export type PersistentVolumeClaimTemplate = {
  metadata?: ObjectMeta
  spec: PersistentVolumeClaimSpec
}

export type PersistentVolumeClaimVolumeSource = {
  claimName: string
  readOnly?: boolean
}

export type PersistentVolumeList = {
  apiVersion?: string
  items: PersistentVolume[]
  kind?: string
  metadata: ListMeta
}

export type PersistentVolumeSpec = {
  accessModes?: string[]
  awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource
  azureDisk?: AzureDiskVolumeSource
  azureFile?: AzureFilePersistentVolumeSource
  capacity?: Record<string, string>
  cephfs?: CephFSPersistentVolumeSource
  cinder?: CinderPersistentVolumeSource
  claimRef?: ObjectReference
  csi?: CSIPersistentVolumeSource
  fc?: FCVolumeSource
  flexVolume?: FlexPersistentVolumeSource
  flocker?: FlockerVolumeSource
  gcePersistentDisk?: GCEPersistentDiskVolumeSource
  glusterfs?: GlusterfsPersistentVolumeSource
  hostPath?: HostPathVolumeSource
  iscsi?: ISCSIPersistentVolumeSource
  local?: LocalVolumeSource
  mountOptions?: string[]
  nfs?: NFSVolumeSource
  nodeAffinity?: VolumeNodeAffinity
  persistentVolumeReclaimPolicy?: string
  photonPersistentDisk?: PhotonPersistentDiskVolumeSource
  portworxVolume?: PortworxVolumeSource
  quobyte?: QuobyteVolumeSource
  rbd?: RBDPersistentVolumeSource
  scaleIO?: ScaleIOPersistentVolumeSource
  storageClassName?: string
  storageos?: StorageOSPersistentVolumeSource
  volumeAttributesClassName?: string
  volumeMode?: string
  vsphereVolume?: VsphereVirtualDiskVolumeSource
}

export type PersistentVolumeStatus = {
  lastPhaseTransitionTime?: string
  message?: string
  phase?: string
  reason?: string
}

export type PhotonPersistentDiskVolumeSource = {
  fsType?: string
  pdID: string
}

export type Pod = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: PodSpec
  status?: PodStatus
}

export type PodAffinity = {
  preferredDuringSchedulingIgnoredDuringExecution?: WeightedPodAffinityTerm[]
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[]
}

export type PodAffinityTerm = {
  labelSelector?: LabelSelector
  matchLabelKeys?: string[]
  mismatchLabelKeys?: string[]
  namespaceSelector?: LabelSelector
  namespaces?: string[]
  topologyKey: string
}

export type PodAntiAffinity = {
  preferredDuringSchedulingIgnoredDuringExecution?: WeightedPodAffinityTerm[]
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[]
}

export type PodCertificateProjection = {
  certificateChainPath?: string
  credentialBundlePath?: string
  keyPath?: string
  keyType: string
  maxExpirationSeconds?: number
  signerName: string
  userAnnotations?: Record<string, string>
}

export type PodCondition = {
  lastProbeTime?: string
  lastTransitionTime?: string
  message?: string
  observedGeneration?: number
  reason?: string
  status: string
  type: string
}

export type PodDNSConfig = {
  nameservers?: string[]
  options?: PodDNSConfigOption[]
  searches?: string[]
}

export type PodDNSConfigOption = {
  name?: string
  value?: string
}

export type PodExtendedResourceClaimStatus = {
  requestMappings: ContainerExtendedResourceRequest[]
  resourceClaimName: string
}

export type PodIP = {
  ip: string
}

export type PodList = {
  apiVersion?: string
  items: Pod[]
  kind?: string
  metadata: ListMeta
}

export type PodOS = {
  name: string
}

export type PodReadinessGate = {
  conditionType: string
}

export type PodResourceClaim = {
  name: string
  resourceClaimName?: string
  resourceClaimTemplateName?: string
}

export type PodResourceClaimStatus = {
  name: string
  resourceClaimName?: string
}

export type PodSchedulingGate = {
  name: string
}

export type PodSchedulingGroup = {
  podGroupName?: string
}

export type PodSecurityContext = {
  appArmorProfile?: AppArmorProfile
  fsGroup?: number
  fsGroupChangePolicy?: string
  runAsGroup?: number
  runAsNonRoot?: boolean
  runAsUser?: number
  seLinuxChangePolicy?: string
  seLinuxOptions?: SELinuxOptions
  seccompProfile?: SeccompProfile
  supplementalGroups?: number[]
  supplementalGroupsPolicy?: string
  sysctls?: Sysctl[]
  windowsOptions?: WindowsSecurityContextOptions
}

export type PodSpec = {
  activeDeadlineSeconds?: number
  affinity?: Affinity
  automountServiceAccountToken?: boolean
  containers: Container[]
  dnsConfig?: PodDNSConfig
  dnsPolicy?: string
  enableServiceLinks?: boolean
  ephemeralContainers?: EphemeralContainer[]
  hostAliases?: HostAlias[]
  hostIPC?: boolean
  hostNetwork?: boolean
  hostPID?: boolean
  hostUsers?: boolean
  hostname?: string
  hostnameOverride?: string
  imagePullSecrets?: LocalObjectReference[]
  initContainers?: Container[]
  nodeName?: string
  nodeSelector?: Record<string, string>
  os?: PodOS
  overhead?: Record<string, string>
  preemptionPolicy?: string
  priority?: number
  priorityClassName?: string
  readinessGates?: PodReadinessGate[]
  resourceClaims?: PodResourceClaim[]
  resources?: ResourceRequirements
  restartPolicy?: string
  runtimeClassName?: string
  schedulerName?: string
  schedulingGates?: PodSchedulingGate[]
  schedulingGroup?: PodSchedulingGroup
  securityContext?: PodSecurityContext
  serviceAccount?: string
  serviceAccountName?: string
  setHostnameAsFQDN?: boolean
  shareProcessNamespace?: boolean
  subdomain?: string
  terminationGracePeriodSeconds?: number
  tolerations?: Toleration[]
  topologySpreadConstraints?: TopologySpreadConstraint[]
  volumes?: Volume[]
}

export type PodStatus = {
  allocatedResources?: Record<string, string>
  conditions?: PodCondition[]
  containerStatuses?: ContainerStatus[]
  ephemeralContainerStatuses?: ContainerStatus[]
  extendedResourceClaimStatus?: PodExtendedResourceClaimStatus
  hostIP?: string
  hostIPs?: HostIP[]
  initContainerStatuses?: ContainerStatus[]
  message?: string
  nodeAllocatableResourceClaimStatuses?: NodeAllocatableResourceClaimStatus[]
  nominatedNodeName?: string
  observedGeneration?: number
  phase?: string
  podIP?: string
  podIPs?: PodIP[]
  qosClass?: string
  reason?: string
  resize?: string
  resourceClaimStatuses?: PodResourceClaimStatus[]
  resources?: ResourceRequirements
  startTime?: string
}

export type PodTemplate = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  template?: PodTemplateSpec
}

export type PodTemplateList = {
  apiVersion?: string
  items: PodTemplate[]
  kind?: string
  metadata: ListMeta
}

export type PodTemplateSpec = {
  metadata?: ObjectMeta
  spec?: PodSpec
}

export type PortStatus = {
  error?: string
  port: number
  protocol: string
}

export type PortworxVolumeSource = {
  fsType?: string
  readOnly?: boolean
  volumeID: string
}

export type PreferredSchedulingTerm = {
  preference: NodeSelectorTerm
  weight: number
}

export type Probe = {
  exec?: ExecAction
  failureThreshold?: number
  grpc?: GRPCAction
  httpGet?: HTTPGetAction
  initialDelaySeconds?: number
  periodSeconds?: number
  successThreshold?: number
  tcpSocket?: TCPSocketAction
  terminationGracePeriodSeconds?: number
  timeoutSeconds?: number
}

export type ProjectedVolumeSource = {
  defaultMode?: number
  sources?: VolumeProjection[]
}

export type QuobyteVolumeSource = {
  group?: string
  readOnly?: boolean
  registry: string
  tenant?: string
  user?: string
  volume: string
}

export type RBDPersistentVolumeSource = {
  fsType?: string
  image: string
  keyring?: string
  monitors: string[]
  pool?: string
  readOnly?: boolean
  secretRef?: SecretReference
  user?: string
}

export type RBDVolumeSource = {
  fsType?: string
  image: string
  keyring?: string
  monitors: string[]
  pool?: string
  readOnly?: boolean
  secretRef?: LocalObjectReference
  user?: string
}

export type ReplicationController = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: ReplicationControllerSpec
  status?: ReplicationControllerStatus
}

export type ReplicationControllerCondition = {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export type ReplicationControllerList = {
  apiVersion?: string
  items: ReplicationController[]
  kind?: string
  metadata: ListMeta
}

export type ReplicationControllerSpec = {
  minReadySeconds?: number
  replicas?: number
  selector?: Record<string, string>
  template?: PodTemplateSpec
}

export type ReplicationControllerStatus = {
  availableReplicas?: number
  conditions?: ReplicationControllerCondition[]
  fullyLabeledReplicas?: number
  observedGeneration?: number
  readyReplicas?: number
  replicas: number
}

export type ResourceClaim = {
  name: string
  request?: string
}

export type ResourceFieldSelector = {
  containerName?: string
  divisor?: string
  resource: string
}

export type ResourceHealth = {
  health?: string
  message?: string
  resourceID: string
}

export type ResourceQuota = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: ResourceQuotaSpec
  status?: ResourceQuotaStatus
}

export type ResourceQuotaList = {
  apiVersion?: string
  items: ResourceQuota[]
  kind?: string
  metadata: ListMeta
}

export type ResourceQuotaSpec = {
  hard?: Record<string, string>
  scopeSelector?: ScopeSelector
  scopes?: string[]
}

export type ResourceQuotaStatus = {
  hard?: Record<string, string>
  used?: Record<string, string>
}

export type ResourceRequirements = {
  claims?: ResourceClaim[]
  limits?: Record<string, string>
  requests?: Record<string, string>
}

export type ResourceStatus = {
  name: string
  resources?: ResourceHealth[]
}

export type SELinuxOptions = {
  level?: string
  role?: string
  type?: string
  user?: string
}

export type ScaleIOPersistentVolumeSource = {
  fsType?: string
  gateway: string
  protectionDomain?: string
  readOnly?: boolean
  secretRef: SecretReference
  sslEnabled?: boolean
  storageMode?: string
  storagePool?: string
  system: string
  volumeName?: string
}

export type ScaleIOVolumeSource = {
  fsType?: string
  gateway: string
  protectionDomain?: string
  readOnly?: boolean
  secretRef: LocalObjectReference
  sslEnabled?: boolean
  storageMode?: string
  storagePool?: string
  system: string
  volumeName?: string
}

export type ScopeSelector = {
  matchExpressions?: ScopedResourceSelectorRequirement[]
}

export type ScopedResourceSelectorRequirement = {
  operator: string
  scopeName: string
  values?: string[]
}

export type SeccompProfile = {
  localhostProfile?: string
  type: string
}

export type Secret = {
  apiVersion?: string
  data?: Record<string, string>
  immutable?: boolean
  kind?: string
  metadata: ObjectMeta
  stringData?: Record<string, string>
  type?: string
}

export type SecretEnvSource = {
  name?: string
  optional?: boolean
}

export type SecretKeySelector = {
  key: string
  name?: string
  optional?: boolean
}

export type SecretList = {
  apiVersion?: string
  items: Secret[]
  kind?: string
  metadata: ListMeta
}

export type SecretProjection = {
  items?: KeyToPath[]
  name?: string
  optional?: boolean
}

export type SecretReference = {
  name?: string
  namespace?: string
}

export type SecretVolumeSource = {
  defaultMode?: number
  items?: KeyToPath[]
  optional?: boolean
  secretName?: string
}

export type SecurityContext = {
  allowPrivilegeEscalation?: boolean
  appArmorProfile?: AppArmorProfile
  capabilities?: Capabilities
  privileged?: boolean
  procMount?: string
  readOnlyRootFilesystem?: boolean
  runAsGroup?: number
  runAsNonRoot?: boolean
  runAsUser?: number
  seLinuxOptions?: SELinuxOptions
  seccompProfile?: SeccompProfile
  windowsOptions?: WindowsSecurityContextOptions
}

export type Service = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: ServiceSpec
  status?: ServiceStatus
}

export type ServiceAccount = {
  apiVersion?: string
  automountServiceAccountToken?: boolean
  imagePullSecrets?: LocalObjectReference[]
  kind?: string
  metadata: ObjectMeta
  secrets?: ObjectReference[]
}

export type ServiceAccountList = {
  apiVersion?: string
  items: ServiceAccount[]
  kind?: string
  metadata: ListMeta
}

export type ServiceAccountTokenProjection = {
  audience?: string
  expirationSeconds?: number
  path: string
}

export type ServiceList = {
  apiVersion?: string
  items: Service[]
  kind?: string
  metadata: ListMeta
}

export type ServicePort = {
  appProtocol?: string
  name?: string
  nodePort?: number
  port: number
  protocol?: string
  targetPort?: number | string
}

export type ServiceSpec = {
  allocateLoadBalancerNodePorts?: boolean
  clusterIP?: string
  clusterIPs?: string[]
  externalIPs?: string[]
  externalName?: string
  externalTrafficPolicy?: string
  healthCheckNodePort?: number
  internalTrafficPolicy?: string
  ipFamilies?: string[]
  ipFamilyPolicy?: string
  loadBalancerClass?: string
  loadBalancerIP?: string
  loadBalancerSourceRanges?: string[]
  ports?: ServicePort[]
  publishNotReadyAddresses?: boolean
  selector?: Record<string, string>
  sessionAffinity?: string
  sessionAffinityConfig?: SessionAffinityConfig
  trafficDistribution?: string
  type?: string
}

export type ServiceStatus = {
  conditions?: Condition[]
  loadBalancer?: LoadBalancerStatus
}

export type SessionAffinityConfig = {
  clientIP?: ClientIPConfig
}

export type SleepAction = {
  seconds: number
}

export type StorageOSPersistentVolumeSource = {
  fsType?: string
  readOnly?: boolean
  secretRef?: ObjectReference
  volumeName?: string
  volumeNamespace?: string
}

export type StorageOSVolumeSource = {
  fsType?: string
  readOnly?: boolean
  secretRef?: LocalObjectReference
  volumeName?: string
  volumeNamespace?: string
}

export type Sysctl = {
  name: string
  value: string
}

export type TCPSocketAction = {
  host?: string
  port: number | string
}

export type Taint = {
  effect: string
  key: string
  timeAdded?: string
  value?: string
}

export type Toleration = {
  effect?: string
  key?: string
  operator?: string
  tolerationSeconds?: number
  value?: string
}

export type TopologySelectorLabelRequirement = {
  key: string
  values: string[]
}

export type TopologySelectorTerm = {
  matchLabelExpressions?: TopologySelectorLabelRequirement[]
}

export type TopologySpreadConstraint = {
  labelSelector?: LabelSelector
  matchLabelKeys?: string[]
  maxSkew: number
  minDomains?: number
  nodeAffinityPolicy?: string
  nodeTaintsPolicy?: string
  topologyKey: string
  whenUnsatisfiable: string
}

export type TypedLocalObjectReference = {
  apiGroup?: string
  kind: string
  name: string
}

export type TypedObjectReference = {
  apiGroup?: string
  kind: string
  name: string
  namespace?: string
}

export type Volume = {
  awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource
  azureDisk?: AzureDiskVolumeSource
  azureFile?: AzureFileVolumeSource
  cephfs?: CephFSVolumeSource
  cinder?: CinderVolumeSource
  configMap?: ConfigMapVolumeSource
  csi?: CSIVolumeSource
  downwardAPI?: DownwardAPIVolumeSource
  emptyDir?: EmptyDirVolumeSource
  ephemeral?: EphemeralVolumeSource
  fc?: FCVolumeSource
  flexVolume?: FlexVolumeSource
  flocker?: FlockerVolumeSource
  gcePersistentDisk?: GCEPersistentDiskVolumeSource
  gitRepo?: GitRepoVolumeSource
  glusterfs?: GlusterfsVolumeSource
  hostPath?: HostPathVolumeSource
  image?: ImageVolumeSource
  iscsi?: ISCSIVolumeSource
  name: string
  nfs?: NFSVolumeSource
  persistentVolumeClaim?: PersistentVolumeClaimVolumeSource
  photonPersistentDisk?: PhotonPersistentDiskVolumeSource
  portworxVolume?: PortworxVolumeSource
  projected?: ProjectedVolumeSource
  quobyte?: QuobyteVolumeSource
  rbd?: RBDVolumeSource
  scaleIO?: ScaleIOVolumeSource
  secret?: SecretVolumeSource
  storageos?: StorageOSVolumeSource
  vsphereVolume?: VsphereVirtualDiskVolumeSource
}

export type VolumeDevice = {
  devicePath: string
  name: string
}

export type VolumeMount = {
  mountPath: string
  mountPropagation?: string
  name: string
  readOnly?: boolean
  recursiveReadOnly?: string
  subPath?: string
  subPathExpr?: string
}

export type VolumeMountStatus = {
  mountPath: string
  name: string
  readOnly?: boolean
  recursiveReadOnly?: string
  volumeStatus?: VolumeStatus
}

export type VolumeNodeAffinity = {
  required?: NodeSelector
}

export type VolumeProjection = {
  clusterTrustBundle?: ClusterTrustBundleProjection
  configMap?: ConfigMapProjection
  downwardAPI?: DownwardAPIProjection
  podCertificate?: PodCertificateProjection
  secret?: SecretProjection
  serviceAccountToken?: ServiceAccountTokenProjection
}

export type VolumeResourceRequirements = {
  limits?: Record<string, string>
  requests?: Record<string, string>
}

export type VolumeStatus = {
  image?: ImageVolumeStatus
}

export type VsphereVirtualDiskVolumeSource = {
  fsType?: string
  storagePolicyID?: string
  storagePolicyName?: string
  volumePath: string
}

export type WeightedPodAffinityTerm = {
  podAffinityTerm: PodAffinityTerm
  weight: number
}

export type WindowsSecurityContextOptions = {
  gmsaCredentialSpec?: string
  gmsaCredentialSpecName?: string
  hostProcess?: boolean
  runAsUserName?: string
}

export type AvoidPods = {
  preferAvoidPods?: PreferAvoidPodsEntry[]
}

export type EphemeralContainerCommon = {
  name: string
  image?: string
  command?: string[]
  args?: string[]
  workingDir?: string
  ports?: ContainerPort[]
  envFrom?: EnvFromSource[]
  env?: EnvVar[]
  resources?: ResourceRequirements
  resizePolicy?: ContainerResizePolicy[]
  restartPolicy?: string
  restartPolicyRules?: ContainerRestartRule[]
  volumeMounts?: VolumeMount[]
  volumeDevices?: VolumeDevice[]
  livenessProbe?: Probe
  readinessProbe?: Probe
  startupProbe?: Probe
  lifecycle?: Lifecycle
  terminationMessagePath?: string
  terminationMessagePolicy?: string
  imagePullPolicy?: string
  securityContext?: SecurityContext
  stdin?: boolean
  stdinOnce?: boolean
  tty?: boolean
}

export type NodeProxyOptions = {
  apiVersion?: string
  kind?: string
  path?: string
}

export type PersistentVolumeSource = {
  gcePersistentDisk?: GCEPersistentDiskVolumeSource
  awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource
  hostPath?: HostPathVolumeSource
  glusterfs?: GlusterfsPersistentVolumeSource
  nfs?: NFSVolumeSource
  rbd?: RBDPersistentVolumeSource
  iscsi?: ISCSIPersistentVolumeSource
  cinder?: CinderPersistentVolumeSource
  cephfs?: CephFSPersistentVolumeSource
  fc?: FCVolumeSource
  flocker?: FlockerVolumeSource
  flexVolume?: FlexPersistentVolumeSource
  azureFile?: AzureFilePersistentVolumeSource
  vsphereVolume?: VsphereVirtualDiskVolumeSource
  quobyte?: QuobyteVolumeSource
  azureDisk?: AzureDiskVolumeSource
  photonPersistentDisk?: PhotonPersistentDiskVolumeSource
  portworxVolume?: PortworxVolumeSource
  scaleIO?: ScaleIOPersistentVolumeSource
  local?: LocalVolumeSource
  storageos?: StorageOSPersistentVolumeSource
  csi?: CSIPersistentVolumeSource
}

export type PodAttachOptions = {
  apiVersion?: string
  kind?: string
  stdin?: boolean
  stdout?: boolean
  stderr?: boolean
  tty?: boolean
  container?: string
}

export type PodExecOptions = {
  apiVersion?: string
  kind?: string
  stdin?: boolean
  stdout?: boolean
  stderr?: boolean
  tty?: boolean
  container?: string
  command: string[]
}

export type PodLogOptions = {
  apiVersion?: string
  kind?: string
  container?: string
  follow?: boolean
  previous?: boolean
  sinceSeconds?: number
  sinceTime?: string
  timestamps?: boolean
  tailLines?: number
  limitBytes?: number
  insecureSkipTLSVerifyBackend?: boolean
  stream?: string
}

export type PodPortForwardOptions = {
  apiVersion?: string
  kind?: string
  ports?: number[]
}

export type PodProxyOptions = {
  apiVersion?: string
  kind?: string
  path?: string
}

export type PodSignature = {
  podController?: OwnerReference
}

export type PodStatusResult = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  status?: PodStatus
}

export type Preconditions = {
  uid?: string
}

export type PreferAvoidPodsEntry = {
  podSignature: PodSignature
  evictionTime?: string
  reason?: string
  message?: string
}

export type ProbeHandler = {
  exec?: ExecAction
  httpGet?: HTTPGetAction
  tcpSocket?: TCPSocketAction
  grpc?: GRPCAction
}

export type RangeAllocation = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  range: string
  data: string
}

export type SerializedReference = {
  apiVersion?: string
  kind?: string
  reference?: ObjectReference
}

export type ServiceProxyOptions = {
  apiVersion?: string
  kind?: string
  path?: string
}

export type VolumeSource = {
  hostPath?: HostPathVolumeSource
  emptyDir?: EmptyDirVolumeSource
  gcePersistentDisk?: GCEPersistentDiskVolumeSource
  awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource
  gitRepo?: GitRepoVolumeSource
  secret?: SecretVolumeSource
  nfs?: NFSVolumeSource
  iscsi?: ISCSIVolumeSource
  glusterfs?: GlusterfsVolumeSource
  persistentVolumeClaim?: PersistentVolumeClaimVolumeSource
  rbd?: RBDVolumeSource
  flexVolume?: FlexVolumeSource
  cinder?: CinderVolumeSource
  cephfs?: CephFSVolumeSource
  flocker?: FlockerVolumeSource
  downwardAPI?: DownwardAPIVolumeSource
  fc?: FCVolumeSource
  azureFile?: AzureFileVolumeSource
  configMap?: ConfigMapVolumeSource
  vsphereVolume?: VsphereVirtualDiskVolumeSource
  quobyte?: QuobyteVolumeSource
  azureDisk?: AzureDiskVolumeSource
  photonPersistentDisk?: PhotonPersistentDiskVolumeSource
  projected?: ProjectedVolumeSource
  portworxVolume?: PortworxVolumeSource
  scaleIO?: ScaleIOVolumeSource
  storageos?: StorageOSVolumeSource
  csi?: CSIVolumeSource
  ephemeral?: EphemeralVolumeSource
  image?: ImageVolumeSource
}
