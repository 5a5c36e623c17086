package docker

// ConnectWithin is Connect with less patience.
var ConnectWithin = connectWithin
