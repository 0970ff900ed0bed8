import Glibc

/// How long the calling thread has had a processor, in seconds: what others do at the same time does
/// not count.
func threadProcessorSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
