import CommandLineSupport
import Foundation

exit(await CommandRunner.run(BuilderCommand.self))
