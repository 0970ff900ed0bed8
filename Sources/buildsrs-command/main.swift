import CommandLineSupport
import Foundation

exit(await CommandRunner.run(Buildsrs.self))
