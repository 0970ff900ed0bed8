/// A module of a kit from the future: whatever the host's version is, it refuses.
///
/// The pointer that it returns points to nothing; a host that looks at it before the version crashes.
@_cdecl("buildsrs_executor_module")
public func entry(
  _ hostVersion: Int32, _ ownVersion: UnsafeMutablePointer<Int32>
) -> UnsafeMutableRawPointer? {
  ownVersion.pointee = hostVersion + 41
  return UnsafeMutableRawPointer(bitPattern: 8)
}
