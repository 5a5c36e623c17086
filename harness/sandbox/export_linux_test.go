package sandbox

var HelperBeside = helperBeside
