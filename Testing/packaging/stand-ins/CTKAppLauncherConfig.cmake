# The launcher would start Slicer with the extension from the build folder; it is no part of a package.
function(ctkAppLauncherConfigureForExecutable)
endfunction()
